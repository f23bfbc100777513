"""Experiments that come with the package: `-c demo` names `demo.yaml` anywhere."""
