"""OpenGL without a display: choose EGL or OSMesa, and check that it works.

``python -m ucmgcn.render.gl`` is the self-check: it prints one line, and exits with status 2 if no
platform works. PyOpenGL binds itself to one platform on its first import, for good. So the platform
is chosen before that import, by calling the EGL library directly.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from ctypes import byref, c_char_p, c_int, c_ssize_t, c_void_p
from ctypes.util import find_library
from dataclasses import dataclass
from typing import Any

from ucmgcn.core.errors import UserError

PACKAGES = "libegl1 libgl1 libgl1-mesa-dri libegl-mesa0 libosmesa6"

# Constants of EGL 1.5 and EGL_EXT_platform_device.
EGL_OPENGL_API = 0x30A2
EGL_PLATFORM_DEVICE_EXT = 0x313F
CONFIG_ATTRIBUTES = (0x3033, 1, 0x3040, 8, 0x3025, 24, 0x3038)  # pbuffer, OpenGL, depth 24
CONTEXT_ATTRIBUTES = (0x3098, 4, 0x30FB, 1, 0x30FD, 1, 0x3038)  # version 4.1, core profile
EGL_EXTENSIONS = 0x3055
EGL_CUDA_DEVICE_NV = 0x323A  # of EGL_NV_device_cuda


@dataclass(frozen=True)
class EglDevice:
    """A device that EGL can draw on.

    Attributes
    ----------
    number
        Index among EGL's devices, as in ``EGL_DEVICE_ID``.
    software
        Whether it is Mesa's software rasteriser, which runs on the CPU.
    cuda
        CUDA's number of the device; None if EGL doesn't report one.
    """

    number: int
    software: bool
    cuda: int | None = None


def select_platform(threads: int | None = None, gpus: int = 1) -> str:
    """Set ``PYOPENGL_PLATFORM`` to a platform that renders here, and return its name.

    A value that is already set is kept. Otherwise the platform is EGL if a context without a
    surface opens, else OSMesa. ``EGL_DEVICE_ID`` names EGL's device; if it is not set, it is set to
    the first device of `by_preference` that works. Call this function before the first import of
    ``pyrender`` or ``OpenGL``.

    Parameters
    ----------
    threads
        Cores that Mesa's software rasteriser may use in this process; None keeps its default.
    gpus
        Number of GPUs that the scheduler granted; with 0 the software rasteriser comes first.

    Raises
    ------
    UserError
        If neither platform works.
    """
    if threads is not None:
        # 0 draws in the calling thread; 1 would start a second thread and wait for it.
        os.environ["LP_NUM_THREADS"] = str(threads if threads > 1 else 0)
    # pyrender imports pyglet for its viewer; without this, pyglet loads the X11 libraries.
    os.environ.setdefault("PYGLET_HEADLESS", "true")
    if "PYOPENGL_PLATFORM" not in os.environ:
        os.environ["PYOPENGL_PLATFORM"] = _first_working(gpus)
    return os.environ["PYOPENGL_PLATFORM"]


def describe() -> str:
    """Open a context as rendering does; return the platform and the renderer's name.

    Raises
    ------
    UserError
        If no context opens.
    """
    platform = select_platform()
    try:
        import pyrender
        from OpenGL.GL import GL_RENDERER, glGetString

        context = pyrender.OffscreenRenderer(8, 8)
        name = glGetString(GL_RENDERER).decode()
        context.delete()
    except Exception as error:
        raise UserError(advice(platform, error)) from error
    return f"{platform}: {name}"


def main() -> int:
    """Run the self-check; return the exit status."""
    try:
        sys.stdout.write(f"OpenGL {describe()}\n")
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def by_preference(
    devices: Sequence[EglDevice], gpus: int = 1, visible: str | None = None
) -> list[EglDevice]:
    """Order devices: the granted GPU, then the other GPUs, then the CPU.

    Parameters
    ----------
    gpus
        With 0 the CPU comes first.
    visible
        Value of ``CUDA_VISIBLE_DEVICES``, by which schedulers grant GPUs; its first number counts.
    """
    granted = (visible or "").split(",")[0].strip()

    def rank(device: EglDevice) -> tuple[bool, bool]:
        return device.software == (gpus > 0), str(device.cuda) != granted

    return sorted(devices, key=rank)


def _first_working(gpus: int) -> str:
    named = os.environ.get("EGL_DEVICE_ID")
    if named is not None:
        numbers = [int(named)]
    else:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        numbers = [device.number for device in by_preference(_egl_devices(), gpus, visible)]
    for number in numbers:
        if _egl_opens(number):
            os.environ["EGL_DEVICE_ID"] = str(number)
            return "egl"
    if find_library("OSMesa"):
        return "osmesa"
    raise UserError(advice())


def advice(platform: str = "", error: Exception | None = None) -> str:
    """Say what to install, and what failed."""
    failed = f" ({platform}: {error or type(error).__name__})" if platform else ""
    install = f"sudo apt-get install -y {PACKAGES}"
    return f"OpenGL: no context opens without a display{failed}. Install: {install}"


def _egl() -> ctypes.CDLL | None:
    try:
        egl = ctypes.CDLL(find_library("EGL") or "libEGL.so.1")
    except OSError:
        return None
    egl.eglGetProcAddress.restype = c_void_p
    return egl


def _egl_devices() -> list[EglDevice]:
    """List EGL's devices, and which of them are GPUs."""
    egl = _egl()
    if egl is None:
        return []
    text = _extension(egl, b"eglQueryDeviceStringEXT", c_char_p, c_void_p, c_int)
    number = _extension(egl, b"eglQueryDeviceAttribEXT", c_int, c_void_p, c_int, c_void_p)
    found = []
    for place, handle in enumerate(_handles(egl)):
        extensions = ((text and text(handle, EGL_EXTENSIONS)) or b"").split()
        cuda = c_ssize_t(-1)
        if number and b"EGL_NV_device_cuda" in extensions:
            number(handle, EGL_CUDA_DEVICE_NV, byref(cuda))
        software = b"EGL_MESA_device_software" in extensions
        found.append(EglDevice(place, software, cuda.value if cuda.value >= 0 else None))
    return found


def _egl_opens(device: int) -> bool:
    """Whether a context without a surface opens on the device with this number."""
    egl = _egl()
    if egl is None:
        return False
    display = _device_display(egl, device)
    if not display or not egl.eglInitialize(display, None, None):
        return False
    try:
        return _context_opens(egl, display)
    finally:
        egl.eglTerminate(display)


def _handles(egl: ctypes.CDLL) -> list[c_void_p]:
    query = _extension(egl, b"eglQueryDevicesEXT", c_int, c_int, c_void_p, c_void_p)
    devices, count = (c_void_p * 64)(), c_int()
    if query is None or not query(64, devices, byref(count)):
        return []
    return [c_void_p(handle) for handle in devices[: count.value]]


def _device_display(egl: ctypes.CDLL, device: int) -> c_void_p | None:
    get_display = _extension(egl, b"eglGetPlatformDisplayEXT", c_void_p, c_int, c_void_p, c_void_p)
    devices = _handles(egl)
    if get_display is None or not 0 <= device < len(devices):
        return None
    return c_void_p(get_display(EGL_PLATFORM_DEVICE_EXT, devices[device], None))


def _extension(egl: ctypes.CDLL, name: bytes, *types: Any) -> ctypes._CFunctionType | None:
    address = egl.eglGetProcAddress(name)
    return ctypes.CFUNCTYPE(*types)(address) if address else None


def _context_opens(egl: ctypes.CDLL, display: c_void_p) -> bool:
    config, count = c_void_p(), c_int()
    wanted = (c_int * len(CONFIG_ATTRIBUTES))(*CONFIG_ATTRIBUTES)
    if not egl.eglChooseConfig(display, wanted, byref(config), 1, byref(count)) or not count.value:
        return False
    egl.eglBindAPI(EGL_OPENGL_API)
    egl.eglCreateContext.restype = c_void_p
    attributes = (c_int * len(CONTEXT_ATTRIBUTES))(*CONTEXT_ATTRIBUTES)
    context = egl.eglCreateContext(display, config, None, attributes)
    if not context:
        return False
    opened = bool(egl.eglMakeCurrent(display, None, None, c_void_p(context)))
    egl.eglMakeCurrent(display, None, None, None)
    egl.eglDestroyContext(display, c_void_p(context))
    return opened


if __name__ == "__main__":
    sys.exit(main())
