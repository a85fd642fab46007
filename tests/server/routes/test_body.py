import gzip
import io
import zlib
from collections.abc import Callable

import pytest
import zstandard

from compliance.server.config import MEGABYTE
from compliance.server.routes.body import place, unpack
from compliance.server.routes.problems import ProblemFound

JSON = b'{"id": "1", "more": [' + b"1, " * 2000 + b"1]}"
PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "x-gzip": gzip.compress, "zstd": zstandard.compress}


def streamed(body, compressor=None):
    """zstd that does not say how much it will be, as a program writes it that does not know yet."""
    packed = io.BytesIO()
    with (compressor or zstandard.ZstdCompressor()).stream_writer(packed, closefd=False) as writer:
        writer.write(body)
    return packed.getvalue()


def refusal(packed, encoding, most=MEGABYTE):
    with pytest.raises(ProblemFound) as refused:
        unpack(packed, encoding, most)
    return refused.value.status, refused.value.detail


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_plain_body_stays_as_it_is(encoding):
    assert unpack(JSON, encoding, MEGABYTE) == JSON
    assert refusal(JSON, encoding, most=10)[0] == 413


@pytest.mark.parametrize("encoding", PACK)
def test_a_packed_body_is_unpacked(encoding):
    assert unpack(PACK[encoding](JSON), encoding, MEGABYTE) == JSON
    assert unpack(PACK[encoding](JSON), f" {encoding.upper()} ", MEGABYTE) == JSON


def test_a_zstd_stream_of_unknown_size_is_unpacked():
    assert unpack(streamed(JSON), "zstd", MEGABYTE) == JSON
    assert unpack(streamed(b""), "zstd", MEGABYTE) == b""


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, streamed])
def test_a_body_of_just_the_size_that_may_be_is_taken_and_one_byte_more_is_not(pack):
    encoding = "gzip" if pack is gzip.compress else "zstd"
    assert unpack(pack(b"x" * 5000), encoding, 5000) == b"x" * 5000
    assert refusal(pack(b"x" * 5001), encoding, 5000) == (413, "The body unpacks to more than 0 MB.")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, streamed])
def test_a_bomb_is_stopped(pack):
    encoding = "gzip" if pack is gzip.compress else "zstd"
    assert refusal(pack(b" " * 64 * MEGABYTE), encoding) == (413, "The body unpacks to more than 1 MB.")


def test_a_zstd_frame_that_claims_a_terabyte_sets_nothing_aside():
    # Magic number, a descriptor for a content size of eight bytes in a single segment, and the size.
    frame = bytes.fromhex("28b52ffde0") + (2**40).to_bytes(8, "little")
    assert refusal(frame, "zstd") == (413, "The body unpacks to more than 1 MB.")


def test_a_zstd_frame_that_asks_for_a_large_window_is_refused():
    """What unpacks it has to hold a window of the size that the frame says: this one says 128 MB."""
    large = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    frame = streamed(JSON, zstandard.ZstdCompressor(compression_params=large))
    assert refusal(frame, "zstd")[0] == 400


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, streamed])
@pytest.mark.parametrize("cut", [1, 4, 9])
def test_a_stream_that_is_cut_off_is_refused(pack, cut):
    encoding = "gzip" if pack is gzip.compress else "zstd"
    assert refusal(pack(JSON)[:-cut], encoding)[0] == 400


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("packed", [b"", b"{}", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", JSON, zlib.compress(JSON)])
def test_what_says_it_is_packed_and_is_not_is_refused(encoding, packed):
    status, sentence = refusal(packed, encoding)
    assert status == 400
    assert f"says {encoding}" in sentence


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_what_follows_a_stream_is_not_left_out_in_silence(encoding):
    assert refusal(PACK[encoding](JSON) + b"more", encoding)[0] == 400
    assert refusal(PACK[encoding](JSON) + PACK[encoding](b"]"), encoding)[0] == 400


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd,gzip", "é"])
def test_another_encoding_is_refused_with_those_that_are_known(encoding):
    status, sentence = refusal(JSON, encoding)
    assert status == 415
    assert "use gzip, zstd or none" in sentence


def test_a_place_comes_first_as_a_person_reads_it():
    sentence = "Expected `int`, got `str` - at `$.sections.processes.rows[3].pid`"
    assert place(sentence) == "processes.rows[3].pid: Expected `int`, got `str`"
    assert place("Object missing required field `id`") == "Object missing required field `id`"
