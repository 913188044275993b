"""From a query to a target: by its name alone, from memory, or by a look-up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ...aws.cloud import Cloud, open_cloud
from ...aws.profile import Profile, load_profile, unknown_profile, with_credentials
from ...errors import NoRegion
from ...fast.logs import Logger
from ...fast.typed import TYPE_CHECKING
from ..memory import anchor_memory
from ..model import Query
from .place import ALL_REGIONS, Place, read_place, region_words
from .target import Calls, RegionalTarget

if TYPE_CHECKING:
    from ...sessions import StartProgress
    from ...transport.address import StreamSettings
    from .backend import Backend, Found

#: Seconds for a look-up. VS Code gives ssh 15 s, in which either the reason has to be seen why
#: there is no such target, or the target has to be reached.
LOOK_UP_TIMEOUT = 6.0

logger = Logger(__name__)


class RegionalFinder:
    """Finds the one target that a query means: a ``Finder``.

    A name that means exactly one target of the last listings needs no network.
    """

    def __init__(self, backend: Backend, query: Query, environ: Mapping[str, str]) -> None:
        self.may_leave: Callable[[bool], None] = lambda harmless: None
        self._backend = backend
        self._query = query
        self._environ = environ
        read: list[Profile] = []  # few names need the profiles to be understood

        def profiles() -> Collection[str]:
            read.append(with_credentials(load_profile(query.profile, environ), environ))
            return read[0].profiles

        self.place = place = read_place(backend, query, profiles)
        name = place.profile or query.profile
        profile = read[0]._replace(name=name or read[0].name) if read else None
        self.cloud = open_cloud(name, query.endpoint_url, environ, anchor_memory, profile)
        self.regions = regions_of(place, query, self.cloud)
        if self._has_one_region:
            self.cloud.dial_ahead(backend.service, self.regions[0])

    @property
    def settings(self) -> StreamSettings:
        return stream_settings(self._backend, self.cloud)

    @property
    def _has_one_region(self) -> bool:
        return len(self.regions) == 1 and self.regions[0] != ALL_REGIONS

    def unlock(self, progress: StartProgress | None = None) -> None:
        if progress is None:
            self.cloud.keys.load(LOOK_UP_TIMEOUT, may_ask=True)
            return
        progress.may_leave(True)
        self.cloud.keys.load(LOOK_UP_TIMEOUT, progress=progress)
        progress.may_leave(False)

    def find(self) -> RegionalTarget:
        return self.known() or self.find_anew()

    def known(self) -> RegionalTarget | None:
        found = self.place.found
        if found and (found.region or self._has_one_region):
            again = self._look_up if self._backend.may_be_cut(found) else None
            return self._target(found, again)
        from .naming import recall

        remembered = recall(self._backend, self.cloud, self.place, self.regions)
        return remembered and self._target(remembered, self._look_up)

    def find_anew(self) -> RegionalTarget:
        return self._target(self._look_up(), None)

    def _look_up(self) -> Found:
        from .listing import look_up

        logger.info("looking up %s", ascii(self.place.name))
        self.may_leave(True)
        found = look_up(
            self._backend,
            self.cloud,
            self.place,
            self.regions,
            self._query,
            self._environ,
            LOOK_UP_TIMEOUT,
        )
        self.may_leave(False)
        return found

    def _target(self, found: Found, find_again: Callable[[], Found] | None) -> RegionalTarget:
        region = found.region or self.regions[0]
        placed = found._replace(region=region)
        calls = Calls(self._backend, self.cloud, placed, self._query, self.place, find_again)
        return RegionalTarget(calls)


def stream_settings(backend: Backend, cloud: Cloud) -> StreamSettings:
    """Return how the streams of a kind are reached."""
    return cloud.settings((backend.service.name, *backend.stream_services))


def regions_of(place: Place, query: Query, cloud: Cloud) -> tuple[str, ...]:
    """Return the Regions in which a query looks; ``("all",)`` for all.

    :raises NoRegion: when nothing names any.
    :raises ConfigError: when the profile that could name one does not exist.
    """
    if place.found and place.found.region:
        return (place.found.region,)
    regions = (place.region,) if place.region else region_words(query.option("region"))
    regions = regions or region_words(cloud.region)
    if not regions:
        if query.profile and cloud.profile is None:
            raise unknown_profile(query.profile)
        raise NoRegion(
            "No AWS Region is set",
            "Give --region or set AWS_REGION, or add `region` to the profile",
        )
    return (ALL_REGIONS,) if ALL_REGIONS in regions else regions
