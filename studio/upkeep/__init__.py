"""What keeps a home in good order over years: room on the disk, backups, tidying, and naming what was set aside.

It deletes nothing that a job, a picture or a form may still name, and never a picture that nobody put into the bin.
"""
