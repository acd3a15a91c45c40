"""AWS on one machine: moto's server made fit for concurrent writers, with the tables and parameters of a stage."""
