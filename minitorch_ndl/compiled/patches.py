"""Twin of what adds patches up to an image, in two dimensions."""

from . import loop, twin


@loop
def _add(columns, stride, dilation, target):
    down, across = stride
    n, c, height, width, rows, places = columns.shape
    for image in range(n):
        for channel in range(c):
            plane = target[image, channel]
            for i in range(height):
                for j in range(width):
                    for y in range(rows):
                        line, to = columns[image, channel, i, j, y], plane[y * down + i * dilation[0], j * dilation[1]:]
                        if across == 1:
                            for t in range(places):
                                to[t] += line[t]
                        else:
                            for t in range(places):
                                to[t * across] += line[t]


@twin("add_patches")
def add_patches(plain, columns, target, stride, dilation):
    fit = columns.ndim == 6 and columns.flags.c_contiguous and target.flags.c_contiguous and columns.dtype == target.dtype
    if fit and columns.dtype.char in "fd" and columns.dtype.isnative:
        _add(columns, stride, dilation, target)
    else:
        plain(columns, target, stride, dilation)
