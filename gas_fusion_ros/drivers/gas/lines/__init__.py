"""What lines of text from a gas sensor array say, in whatever form they come. No ports, no files.

`splitter` cuts bytes into lines, `shape` tells what a line is, `columns` whose value is whose, and `reader`
makes readings of one line after the other. A line is read under the right names or refused with a remedy.
"""
