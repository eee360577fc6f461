"""What a person asks for, on a page or the command line: runs, codes, members, players, imports.

Services check the request, call the pipeline, and return a result with a sentence for the person.
"""
