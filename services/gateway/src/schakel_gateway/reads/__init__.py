"""The statements behind the root fields: hand-written SQL on the view, each returning one JSON value.

An object is the state as its event carried it, plus its id and version, plus what belongs to it. Who may see which row
is not decided here but by the row-level security of the snapshot the statement runs in.
"""
