"""What drift is judged by, as people choose it: features that count more, less or not, floors, segments."""
