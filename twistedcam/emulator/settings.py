"""
A camera's settings as they leave the factory, by group and in the order in which
they are told.
"""

from __future__ import annotations

from itertools import product

from .replies import Value

Settings = dict[str, Value]

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def _fill(prefix: str, **values: Value) -> Settings:
    return {prefix + name: value for name, value in values.items()}


def _encoder(prefix: str, size: int, rate: int, kilobits: int) -> Settings:
    return _fill(
        prefix,
        size=size,
        framerate=rate,
        keyframe=2 * rate,
        quant=0,
        ratemode=0,
        bitrate=kilobits,
        main_mode=0,
    )


def clockSettings() -> Settings:
    """The zone in seconds west of Greenwich, and NTP."""
    return {"tz": 0, "ntp_enable": 1, "ntp_svr": "time.nist.gov"}


def network() -> Settings:
    """The wired network."""
    return {
        "dhcpen": 1,
        "ip": "0.0.0.0",
        "mask": "255.255.255.0",
        "gateway": "0.0.0.0",
        "dns1": "0.0.0.0",
        "dns2": "0.0.0.0",
        "port": 80,
    }


def devices() -> Settings:
    """Eight other cameras to be shown on the same page, and this one."""
    return {
        f"dev{number}_{name}": 0 if name == "port" else ""
        for number, name in product(
            range(1, 10), ("host", "alias", "user", "pwd", "port")
        )
    }


def wireless() -> Settings:
    """The wireless network."""
    keys = {f"key{number}": "" for number in range(1, 5)}
    bits = {f"key{number}_bits": 0 for number in range(1, 5)}
    return _fill(
        "wifi_",
        enable=1,
        ssid="Test card",
        mode=0,
        encrypt=0,
        authtype=4,
        defkey=0,
        keyformat=0,
        **keys,
        **bits,
        wpa_psk="correct horse battery staple",
        channel=6,
    )


def rtsp() -> Settings:
    """The RTSP server, which the emulator does not have."""
    return _fill("rtsp_", auth_enable=0, user="", pwd="", port=10554)


def services() -> Settings:
    """UPnP, DDNS, mail and FTP."""
    return {
        "upnp_enable": 0,
        "p2p_upnp_enable": 0,
        **_fill(
            "ddns_",
            service=0,
            user="",
            pwd="",
            host="",
            proxy_svr="",
            proxy_port=0,
            mode=0,
            status=0,
        ),
        **_fill(
            "mail_",
            sender="camera@example.net",
            receiver1="owner@example.net",
            receiver2="",
            receiver3="",
            receiver4="",
            inet_ip=1,
            svr="mail.example.net",
            port=25,
            ssl=0,
            user="camera",
            pwd="not a real password",
        ),
        **_fill(
            "ftp_",
            svr="ftp.example.net",
            port=21,
            user="camera",
            pwd="not a real one either",
            dir="/",
            mode=0,
            upload_interval=0,
        ),
    }


def alarm() -> Settings:
    """What is an alarm, and what happens then."""
    schedule: Settings = {
        f"schedule_{day}_{part}": -1 for day, part in product(_DAYS, range(3))
    }
    return _fill(
        "alarm_",
        motion_armed=0,
        motion_sensitivity=5,
        input_armed=0,
        ioin_level=0,
        mail=0,
        audio=0,
        temperture=0,
        iolinkage=0,
        ioout_level=0,
        upload_interval=0,
        presetsit=0,
        snapshot=0,
        record=0,
        schedule_enable=0,
        http=0,
        http_url="",
        **schedule,
        note="",
        server="",
        user="",
        pwd="",
        port=0,
    )


def image() -> Settings:
    """What get_camera_params tells."""
    return {
        "cameratype": 0,
        "resolution": 0,
        "resolutionsub": 0,
        "resolutionsubsub": 0,
        "vbright": 128,
        "vcontrast": 128,
        "vhue": 128,
        "vsaturation": 128,
        "OSDEnable": 1,
        "mode": 0,
        "flip": 0,
        **_encoder("enc_", 0, 15, 1024),
        **_encoder("sub_enc_", 1, 15, 512),
        **_encoder("sub_sub_enc_", 2, 10, 256),
        "speed": 5,
        "ircut": 1,
        "involume": 15,
        "outvolume": 20,
        "MainStreamWidth": 1280,
        "MainStreamHeight": 720,
    }


def misc() -> Settings:
    """What get_misc tells."""
    return {
        "ptz_patrol_rate": 5,
        "ptz_patrol_up_rate": 5,
        "ptz_patrol_down_rate": 5,
        "ptz_patrol_left_rate": 5,
        "ptz_patrol_right_rate": 5,
        "ptz_center_onstart": 0,
        "ptz_disppreset": 0,
        "led_mode": 0,
        "preset_onstart": 0,
        "ptruntimes": 0,
        "device_type": 0,
        "ptz_soft_limit_up": 0,
        "ptz_soft_limit_down": 0,
        "ptz_soft_limit_left": 0,
        "ptz_soft_limit_right": 0,
    }


def recording() -> Settings:
    """What get_record tells between the encoder's settings and the card's."""
    plan: Settings = {
        f"record_schedule_{day}_{part}": -1 for day, part in product(_DAYS, range(3))
    }
    return {
        "record_audio": 1,
        "record_cover_enable": 1,
        "record_timer": 10,
        "record_size": 0,
        "record_chnl": 0,
        "tf_enable": 1,
        "record_time_enable": 0,
        **plan,
    }
