"""Study files: finding (`shipped`), types (`schema`), reading and writing (`load`), search for Optuna (`convert`)."""
