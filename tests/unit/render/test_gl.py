import os
import subprocess
import sys

import pytest
import torch

from ucmgcn.core.errors import UserError
from ucmgcn.render import gl


def self_check(**env):
    clean = {k: v for k, v in os.environ.items() if k != "PYOPENGL_PLATFORM"}
    path = os.pathsep.join(sys.path)
    return subprocess.run(
        [sys.executable, "-m", "ucmgcn.render.gl"],
        env={**clean, "PYTHONPATH": path, **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def unset(monkeypatch):
    # setenv first, so that what select_platform sets is undone afterwards.
    for name in ("PYOPENGL_PLATFORM", "LP_NUM_THREADS", "EGL_DEVICE_ID"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


def test_self_check_opens_a_context():
    done = self_check()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("OpenGL egl: ", "OpenGL osmesa: "))
    assert done.stdout.count("\n") == 1


def test_self_check_names_the_packages_to_install():
    done = self_check(PYOPENGL_PLATFORM="nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr
    assert f"sudo apt-get install -y {gl.PACKAGES}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_existing_choice_is_kept(unset):
    unset.setenv("PYOPENGL_PLATFORM", "osmesa")
    unset.setattr(gl, "_egl_opens", lambda device: pytest.fail("no need to look"))
    assert gl.select_platform() == "osmesa"


def test_osmesa_is_the_fallback_for_egl(unset):
    unset.setattr(gl, "_egl_opens", lambda device: False)
    unset.setattr(gl, "find_library", lambda name: f"lib{name}.so")
    assert gl.select_platform() == os.environ["PYOPENGL_PLATFORM"] == "osmesa"


def test_without_any_platform_the_error_names_the_packages(unset):
    unset.setattr(gl.ctypes, "CDLL", raise_os_error)
    unset.setattr(gl, "find_library", lambda name: None)
    with pytest.raises(UserError, match="sudo apt-get install -y libegl1"):
        gl.select_platform()


def test_an_egl_device_that_does_not_exist_does_not_open():
    assert not gl._egl_opens(63)


@pytest.mark.parametrize(("threads", "setting"), [(1, "0"), (3, "3")])
def test_threads_reach_mesa(unset, threads, setting):
    unset.setenv("PYOPENGL_PLATFORM", "egl")
    gl.select_platform(threads)
    assert os.environ["LP_NUM_THREADS"] == setting


SOFTWARE = gl.EglDevice(2, software=True)
GPUS = [gl.EglDevice(0, software=False, cuda=1), gl.EglDevice(1, software=False, cuda=0)]


@pytest.mark.parametrize(
    ("gpus", "visible", "numbers"),
    [
        (1, None, [0, 1, 2]),
        (1, "0", [1, 0, 2]),
        (1, "1,0", [0, 1, 2]),
        (1, "GPU-5a3f", [0, 1, 2]),  # a name that EGL does not know: any GPU
        (0, "0", [2, 1, 0]),
    ],
)
def test_the_granted_gpu_comes_first(gpus, visible, numbers):
    found = gl.by_preference([*GPUS, SOFTWARE], gpus, visible)
    assert [device.number for device in found] == numbers


def test_a_device_that_does_not_open_is_skipped(unset):
    unset.setattr(gl, "_egl_devices", lambda: [*GPUS, SOFTWARE])
    unset.setattr(gl, "_egl_opens", lambda number: number == 2)
    assert gl.select_platform() == "egl"
    assert os.environ["EGL_DEVICE_ID"] == "2"


def test_a_named_device_is_kept(unset):
    unset.setenv("EGL_DEVICE_ID", "1")
    unset.setattr(gl, "_egl_opens", lambda number: number == 1)
    assert gl.select_platform() == "egl"
    assert os.environ["EGL_DEVICE_ID"] == "1"


def test_egl_devices_are_numbered_and_software_ones_have_no_cuda_number():
    devices = gl._egl_devices()
    if not devices:
        pytest.skip("EGL lists no devices here")
    assert [device.number for device in devices] == list(range(len(devices)))
    assert all(device.cuda is None for device in devices if device.software)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_egl_draws_on_the_gpu():
    done = self_check(PYOPENGL_PLATFORM="egl")
    assert "llvmpipe" not in done.stdout, done.stdout
    assert any(not device.software for device in gl._egl_devices())


def raise_os_error(name):
    raise OSError(name)


def test_pyglet_runs_headless(monkeypatch):
    monkeypatch.delenv("PYGLET_HEADLESS", raising=False)
    gl.select_platform()
    assert os.environ["PYGLET_HEADLESS"] == "true"
