import hge_spice


def test_every_public_name_is_there() -> None:
    assert set(hge_spice.__all__) == set(hge_spice._HOME)
    for name in hge_spice.__all__:
        assert getattr(hge_spice, name).__name__ == name
    assert set(hge_spice.__all__) <= set(dir(hge_spice))
