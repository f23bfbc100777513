# MaskDistill in a container.
#
#   docker build -t maskdistill .                              for a CPU
#   docker build -t maskdistill --build-arg TORCH=cu128 .      for a GPU; run it with --gpus all
#   docker run --rm -it -v "$PWD:/data" maskdistill run PHOTOS --classes 20
#
# TORCH is what uv calls the back end of torch: cpu, cu126, cu128 and so on. The wheels bring the CUDA libraries along; the
# machine needs the driver and NVIDIA's container toolkit.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim
ARG TORCH=cpu

COPY constraints.txt /source/
WORKDIR /source
# The version stands in the file.
# hadolint ignore=DL3013
RUN python -m pip install --no-cache-dir --constraint constraints.txt uv
COPY . /source
RUN uv pip install --system --no-cache --torch-backend="${TORCH}" -c constraints.txt '.[export,tables]' \
    && useradd --create-home --uid 1000 user

USER 1000
WORKDIR /data
ENTRYPOINT ["maskdistill"]
CMD ["--help"]
