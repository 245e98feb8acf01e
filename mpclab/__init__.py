"""mpclab: a workbench for secure multi-party computation with many clients and n servers."""
