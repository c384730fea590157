"""What ``streamlit run app.py`` serves: the door, and around it what Streamlit leaves out."""

# Before anything allocates in threads of its own: arenas that are there already stay.
from kdcore.visit import machine

machine.tame_malloc()

from kdcore.visit import processes

# Before this process has threads that a forked one would miss; what is imported by now is shared.
processes.prepare()

import streamlit as st
from starlette.middleware import Middleware

from pages.common.first_picture import FirstPicture
from pages.common.guard import Headers, UploadBounds

AROUND = (Headers, UploadBounds, FirstPicture)

app = st.App("door.py", middleware=[Middleware(each) for each in AROUND])
