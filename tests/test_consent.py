"""Tests for L{twistedcam.consent}: what commands may do."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from twistedcam.commands import MOVES
from twistedcam.consent import Risk, demand, riskOf
from twistedcam.errors import ConsentRequired
from twistedcam.wire.cgi import CODES

READ = """
    audiostream check_user get_alarmlog get_camera_params get_hw_config get_log
    get_misc get_onvif get_online_log get_param_config get_params get_record
    get_record_file get_rtsp get_sensor_preset get_status get_wifi_mode
    get_wifi_scan_result livestream snapshot wifi_scan
"""
WRITE = """
    camera_control set_alarm set_alarmlogclr set_alias set_datetime set_ir_gpio
    set_led_status set_log set_media set_misc set_recordsch set_sensor_preset
"""
# Without a number, decoder_control is among these.
DANGEROUS = """
    auto_download_file decoder_control del_file download eye4_authentication ftptest
    get_aging get_apwifi get_extra get_factory_extra get_factory_param get_iic
    get_pnp_server get_test_hardware_result login mailtest reboot restore_factory
    set_aging set_apwifi set_bootday set_ddns set_debug_audio set_default set_devices
    set_extra set_faccamcontrol set_factory_extra set_factory_param set_formatsd
    set_ftp set_iic set_mail set_moto_run set_mqtt set_network set_onvif set_pnp_server
    set_pppoe set_production_config set_rtsp set_test_audio set_test_auto_upgrade
    set_test_hardware set_update_push_user set_upnp set_users set_wifi test_ftp
    test_mail trans_cmd_string upgrade_factory_params upgrade_firmware upgrade_htmls
"""
TABLE = {
    Risk.READ: READ.split(),
    Risk.WRITE: WRITE.split(),
    Risk.DANGEROUS: DANGEROUS.split(),
}

#: decoder_control: turn, zoom, centre, cruise and patrol, go to a preset.
MOVING = [*range(8), *range(17, 21), 22, 23, *range(25, 30), 84, *range(90, 94)]
MOVING += range(31, 62, 2)
#: decoder_control: store and delete a preset, switch an output.
STORING = [*range(30, 61, 2), *range(62, 67), 94, 95]


class RiskTests(SynchronousTestCase):
    """Each command's risk."""

    def test_table(self) -> None:
        """Every command that we know is what the table above says."""
        for risk, names in TABLE.items():
            for name in names:
                self.assertEqual(risk, riskOf(name, {}), name)
        named = sorted(name for names in TABLE.values() for name in names)
        self.assertEqual(sorted(CODES), named)

    def test_unknown(self) -> None:
        """One that we do not know may do anything."""
        for name in "", "get_unheard_of", "GET_STATUS", "get_status.cgi", " reboot":
            self.assertEqual(Risk.DANGEROUS, riskOf(name, {}), name)

    def test_parameters(self) -> None:
        """For others than decoder_control, parameters change nothing."""
        self.assertEqual(Risk.READ, riskOf("get_status", {"command": 30}))
        self.assertEqual(Risk.DANGEROUS, riskOf("reboot", {"command": 1}))

    def test_turning(self) -> None:
        """decoder_control moves, stores, or does what nobody knows."""
        for number in range(-5, 1000):
            if number in MOVING:
                expected = Risk.MOVE
            elif number in STORING:
                expected = Risk.WRITE
            else:
                expected = Risk.DANGEROUS
            for command in number, str(number):
                self.assertEqual(
                    expected, riskOf("decoder_control", {"command": command}), number
                )

    def test_moves(self) -> None:
        """All that the methods by name move with is moving."""
        for begin, ends in MOVES.values():
            for number in begin, *ends:
                self.assertEqual(
                    Risk.MOVE, riskOf("decoder_control", {"command": number})
                )

    def test_oddNumbers(self) -> None:
        """What a camera may read as another number than we do counts as unknown."""
        for command in (
            "",
            "up",
            " 1",
            "1 ",
            "+1",
            "01",
            "1.0",
            "1e1",
            "0x1",
            "1\0",
            "1&command=30",
            "\u0661",
            "4294967326",
            4294967326,
            "9" * 5000,
            None,
            True,
            1.0,
            b"1",
            [1],
        ):
            self.assertEqual(
                Risk.DANGEROUS, riskOf("decoder_control", {"command": command})
            )


class DemandTests(SynchronousTestCase):
    """How far the caller agrees."""

    def allowed(self, name: str, allow: str, **parameters: object) -> bool:
        """Is it?"""
        try:
            demand(name, parameters, allow)  # type: ignore[arg-type]
        except ConsentRequired:
            return False
        return True

    def test_levels(self) -> None:
        """Each level allows its own, and all that is less."""
        for allow, expected in (
            ("read", [True, False, False, False]),
            ("move", [True, True, False, False]),
            ("write", [True, True, True, False]),
            ("dangerous", [True, True, True, True]),
            ("Dangerous", [True, True, True, True]),
        ):
            found = [
                self.allowed("get_status", allow),
                self.allowed("decoder_control", allow, command=0),
                self.allowed("set_alias", allow),
                self.allowed("reboot", allow),
            ]
            self.assertEqual(expected, found, allow)

    def test_words(self) -> None:
        """The refusal says what to say, and no parameter."""
        for name, word in ("set_alias", "write"), ("set_wifi", "dangerous"):
            with self.assertRaises(ConsentRequired) as caught:
                demand(name, {"wpa_psk": "hush"}, "move")
            self.assertEqual(f'{name} wants allow="{word}"', str(caught.exception))

    def test_nonsense(self) -> None:
        """Another word is a mistake, even for what needs no consent."""
        for allow in "", "all", "yes", "3", "name", "__class__":
            with self.assertRaises(ValueError, msg=allow) as caught:
                demand("get_status", {}, allow)  # type: ignore[arg-type]
            self.assertIn("move, write or dangerous", str(caught.exception))
