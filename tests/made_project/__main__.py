"""Makes a project in bulk from the command line."""

from made_project.writing import main

main()
