"""What the matrix' tests get: proxies that run as an ordinary user, and the two controls beside
them where the sizes allow it."""

import pytest

import sizes
from acceptance import CONTROLS
from controls import ControlStage
from ordinary import AS_ORDINARY_USER, expect_executable, give_directory
from proxies import binary
from stage import Stage


@pytest.fixture(scope="session", autouse=True)
def _ordinary_user_can_run_the_program():
    expect_executable(binary())


@pytest.fixture
def stage(lab, engine, staging):
    give_directory(lab)
    yield from staging(Stage(lab, engine, AS_ORDINARY_USER))


@pytest.fixture
def wide_stage(network, engine, staging):
    give_directory(network)
    yield from staging(Stage(network, engine, AS_ORDINARY_USER))


@pytest.fixture(params=["uring", "epoll", *(CONTROLS if sizes.CONTROLS else ())])
def relay(request):
    """Who stands in the middle: Longsplice by either engine, or a control."""
    return request.param


@pytest.fixture
def relay_stage(lab, relay, request, staging):
    give_directory(lab)
    kind = ControlStage if relay in CONTROLS else Stage
    if relay == "uring":
        request.getfixturevalue("uring_works")
    yield from staging(kind(lab, relay, AS_ORDINARY_USER))
