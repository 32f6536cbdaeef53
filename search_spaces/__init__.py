"""Study files: their types (`schema`), reading and writing (`load`), their search for Optuna (`convert`)."""
