"""What every room stands on: settings, database, units, events, jobs, errors and the web edge. Core knows no domain."""
