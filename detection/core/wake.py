"""What wakes a sleeping camera without decoding it: the sizes of its coded pictures.

A still scene gives predicted pictures of nearly the same size; whatever moves costs bits. The size is compared with what
this place in the group of pictures usually costs, then with the last two seconds, and what remains is summed up by a
one-sided CUSUM (E. S. Page, Continuous inspection schemes, Biometrika 41, 1954), which is the quickest test for a
small lasting rise. No clock is read here: moments come in as arguments.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable

GROUPS = 6  # groups of pictures that the usual size at one place is the median of
GROUPS_NEEDED = 3
LONGEST_GROUP = 100  # pictures; later ones share one place
LEVEL, SPREAD = 50, 150  # predicted pictures for the level now and for its spread
REFRESH = 5  # level and spread are made anew every so many pictures
SLACK, ALARM, MOST = 1.0, 6.0, 8.0  # in spreads: what is ignored each picture, the sum that wakes, the most of one
EPISODE = 25  # pictures before and after an alarm that belong to it
FADING = 0.99  # of a known mistake, each time that it is not made
FLOOR = 0.004  # bytes per macroblock: a spread below it is taken for this much
CLEAR = 0.026  # bytes per macroblock: the spread up to which a person of an eighth of the height stands out


def median(values: Iterable[float]) -> float:
    """The middle value, the upper of two. Raises IndexError for none."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


class Window:
    """The last so many values, kept in order of size as well: this runs for every packet of every camera."""

    def __init__(self, most: int) -> None:
        self._values: deque[float] = deque(maxlen=most)
        self._ordered: list[float] = []

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: float) -> None:
        """The oldest one goes when there are too many."""
        if len(self._values) == self._values.maxlen:
            del self._ordered[bisect_left(self._ordered, self._values[0])]
        self._values.append(value)
        insort(self._ordered, value)

    @property
    def median(self) -> float:
        """As the function. Raises IndexError for none."""
        return self._ordered[len(self._ordered) // 2]

    @property
    def deviation(self) -> float:
        """The median distance from the median. Raises IndexError for none."""
        middle = self.median
        return median([abs(value - middle) for value in self._ordered])


class SizeMeter:
    """Watches the sizes of one stream's coded pictures. Feed it every packet in order.

    What alarms again and again at one place without anybody there (behind some key frames, at the seam of a looping clip)
    ends being an alarm once the caller says that it was mistaken.
    A new baseline grows within some seconds wherever the stream changes for good (another light, another rate); a
    change of place within the group of pictures or of level is no alarm by itself.
    """

    def __init__(self) -> None:
        self._blocks = 8160.0
        self._places: list[deque[int]] = []
        self._place = -1
        self._sizes: deque[int] = deque(maxlen=LEVEL)
        self._latest, self._recent = Window(LEVEL), Window(SPREAD)
        self._before: deque[tuple[int, float]] = deque(maxlen=EPISODE // 2)
        self._episode: list[tuple[int, float]] = []
        self._since = EPISODE
        self._mistakes: dict[int, float] = {}
        self._usual: dict[int, float] = {}
        self._level = self._spread = self._sum = 0.0
        self._count = 0

    def sized(self, width: int, height: int) -> None:
        """The size of the picture in pixels, which says how many bytes a spread may have."""
        self._blocks = max(1.0, width * height / 256)

    @property
    def ready(self) -> bool:
        """Whether there is a baseline."""
        return len(self._recent) >= LEVEL

    @property
    def clear(self) -> bool:
        """Whether sizes show a person in this stream; a noisy one hides a small mover in the noise's own bits."""
        return self.ready and self._spread <= CLEAR * self._blocks

    def add(self, size: int, *, key: bool) -> bool:
        """Takes in a packet's bytes; whether something moves now. Key frames are never an alarm by themselves."""
        if key:
            self._place = 0
            return False
        if self._place < 0:  # in the middle of a group, whose beginning nobody saw
            return False
        residual = self._residual(size)
        place, self._place = min(self._place, LONGEST_GROUP), self._place + 1
        if not self.ready:
            return False
        if self._count % REFRESH == 0 or not self._spread:
            self._measure()
        spread = max(self._spread, FLOOR * self._blocks)
        unusual = residual - self._known_mistake(place, residual)
        self._sum = max(0.0, self._sum + min((unusual - self._level) / spread, MOST) - SLACK)
        alarm = self._sum > ALARM
        self._remember(place, residual, alarm)
        self._sum = min(self._sum, ALARM)  # so that the alarm ends soon after what caused it
        return alarm

    def _remember(self, place: int, residual: float, alarm: bool) -> None:
        if alarm:
            if self._since >= EPISODE:
                self._episode = list(self._before)
            self._since = 0
        if self._since < EPISODE and place < LONGEST_GROUP:
            self._since += 1
            if len(self._episode) < LONGEST_GROUP:
                self._episode.append((place, residual))
        self._before.append((place, residual))

    def _known_mistake(self, place: int, residual: float) -> float:
        usual = self._usual.get(place, 0.0)
        if usual > 0 and residual < usual / 2:
            self._usual[place] = usual * FADING
        return usual

    def mistaken(self) -> None:
        """The last alarm was for nothing. What alarms twice at the same place of a group is taken for usual there."""
        for place, residual in self._episode:
            if place in self._mistakes:
                self._usual[place] = max(self._usual.get(place, 0.0), min(self._mistakes[place], residual))
            self._mistakes[place] = residual
        self._episode.clear()

    def restart(self) -> None:
        """Learns everything anew: the scene was busy for so long that what is usual is no longer known."""
        self.__init__()  # type: ignore[misc]

    def _residual(self, size: int) -> float:
        """Bytes above what this place usually costs; where that is not known yet, above what pictures cost of late."""
        place = min(self._place, LONGEST_GROUP)
        if place == len(self._places):
            self._places.append(deque(maxlen=LEVEL if place == LONGEST_GROUP else GROUPS))
        history = self._places[place]
        known = len(history) >= GROUPS_NEEDED
        residual = size - median(history if known else self._sizes or (size,))
        history.append(size)
        self._sizes.append(size)
        if known:  # only these make a baseline
            self._latest.add(residual)
            self._recent.add(residual)
            self._count += 1
        return residual

    def _measure(self) -> None:
        self._level = self._latest.median
        self._spread = 1.4826 * self._recent.deviation  # of a normal distribution
