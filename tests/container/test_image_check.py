"""The parts of `make image-check` that need no Docker: what it reads, and that it can fail."""

import sys

import pytest

from scripts.image_check import __main__ as check
from scripts.image_check import image, said
from scripts.image_check.said import Failed


def test_it_makes_the_images_that_the_two_files_name():
    python, mysql = check.base_images()
    assert python.startswith("python:3.")
    assert mysql == "mysql:8.4"


def test_our_layers_are_those_above_the_base():
    lines = ["0\tCMD", "5\tRUN pip", "7\tRUN /bin/sh -c useradd --uid 10001", "900\tImported from -"]
    assert image.above_the_base(lines) == 3


def test_what_is_not_as_expected_fails_with_both():
    said.expect("port", 1, 1)
    with pytest.raises(Failed, match="port: 2 and not 1"):
        said.expect("port", 2, 1)


def test_a_command_that_ends_otherwise_fails_with_all_it_said():
    code = "import sys; print('out'); sys.exit('err')"
    assert said.run([sys.executable, "-c", code], code=1) == "out\n"
    with pytest.raises(Failed, match=r"ended with 1 and not 0:\nout\nerr"):
        said.run([sys.executable, "-c", code])


def test_what_never_happens_fails():
    said.wait("it", 0, lambda: True)
    with pytest.raises(Failed, match="it has not happened"):
        said.wait("it", 0, lambda: False)


def test_a_step_says_what_was_done_and_what_was_seen(capsys):
    with said.step("looked") as notes:
        notes.append("3 things")
    assert capsys.readouterr().out.endswith("  looked: 3 things\n")
