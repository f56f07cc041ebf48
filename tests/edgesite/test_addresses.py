"""Which addresses may be reached: the tricks by name."""

from __future__ import annotations

import pytest

from edgesite.core.addresses import AddressError, AllowList, normal_host, parse_target


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("Hooks.Example.ORG.", "hooks.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("nas_1", "nas_1"),
    ],
)
def test_one_form_of_a_host(given: str, wanted: str) -> None:
    assert normal_host(given) == wanted


@pytest.mark.parametrize(
    "given",
    ["", " ", "2130706433", "0x7f000001", "0x7f.1", "127.1", "017700000001", "127.0.0.01", "a..b", "-a.example", "a b",
     "fe80::1%eth0", "http://a.example", "a.example/", "[a.example]", "1.2.3.4.5", "*", "é" * 300],
)  # fmt: skip
def test_what_is_no_host(given: str) -> None:
    with pytest.raises(AddressError):
        normal_host(given)


@pytest.mark.parametrize(
    "entry", ["a.example:0", "a.example:65536", "a.example:x", "a.example:", "[::1]x", "http://a", ":80"]
)
def test_an_entry_that_makes_no_sense_is_named(entry: str) -> None:
    with pytest.raises(AddressError) as caught:
        AllowList.parse(["ok.example", entry])
    assert str(caught.value).startswith(repr(entry))


def test_a_host_is_listed_for_any_port_or_for_one() -> None:
    allowed = AllowList.parse(["any.example", "one.example:8080", "[::1]:80", "2001:db8::1"])
    assert allowed.names("any.example", 1)
    assert allowed.names("one.example", 8080)
    assert not allowed.names("one.example", 80)
    assert not allowed.names("sub.any.example", 80)
    assert allowed.names("::1", 80)
    assert allowed.names("2001:db8::1", 443)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200",
     "192.0.0.192", "168.63.129.16", "198.18.0.1", "192.0.2.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
     "::", "::1", "fe80::1", "fe80::1%1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
     "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "100::1"],
)  # fmt: skip
def test_no_address_of_a_private_kind_is_reached(address: str) -> None:
    assert not AllowList.parse(["hooks.example"]).reaches(address, 80)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_reached(address: str) -> None:
    assert AllowList().reaches(address, 80)


def test_a_private_address_is_reached_when_it_is_listed_itself() -> None:
    allowed = AllowList.parse(["127.0.0.1", "10.0.0.5:8080", "[::1]"])
    assert allowed.reaches("127.0.0.1", 1)
    assert allowed.reaches("10.0.0.5", 8080)
    assert not allowed.reaches("10.0.0.5", 80)
    assert not allowed.reaches("::ffff:127.0.0.1", 1)
    assert allowed.reaches("0:0::1", 5)


def test_where_a_url_leads() -> None:
    target = parse_target("https://Hooks.Example.org/a/b?c=d#e")
    assert (target.host, target.port, target.path, target.netloc) == (
        "hooks.example.org", 443, "/a/b?c=d", "hooks.example.org",
    )  # fmt: skip
    assert parse_target("http://[::1]:8080").netloc == "[::1]:8080"


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example/", "//a.example/", "a.example", "http:///x", "http://a.example:0/", "http://a.example:99999/",
     "http://user:pw@a.example/", "http://a.example@b.example/", "http://a.example\\@b.example/", "http://a.example/ x",
     "http://a.example/\r\nX: y", "http://2130706433/", "http://0x7f.1/", "http://[::1", "http://a.example/ü",
     "http://" + "a" * 2000 + ".example/"],
)  # fmt: skip
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(AddressError):
        parse_target(url)
