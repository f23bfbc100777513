"""What torchrun starts in the tests: two trainings, one after the other, as a command has them."""

import sys
from pathlib import Path

from helpers.shared_training import train_together
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.training import torchrun
from maskdistill.stages.training.distributed import count_devices

if __name__ == "__main__":
    if torchrun.number():
        torchrun.follow()
    else:
        for name in ("first", "second"):
            train_together(Path(sys.argv[1], name), count_devices(ExecutionConfig(device="cpu"), batch_size=4))
        torchrun.dismiss()
