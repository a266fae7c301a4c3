"""What a link has to do, and doing it: planner, engine, steps, and what they ask of Dossier's side."""
