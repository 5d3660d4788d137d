"""
Commands that only tell something.
"""

from __future__ import annotations

from .firmware import MAX_SESSIONS
from .replies import OK, Value, arrays, outcome, variable, variables
from .request import Handler, Request
from .state import CARD, CARD_FREE, NETWORKS, State

#: Recordings on one page at most, so that an answer stays below 64 KiB.
MAX_PAGE = 400


def checkUser(request: Request) -> str:
    """Who is here?"""
    text = variables(_house(request))
    if request.firmware.userCheckResult:
        text += outcome(OK)
    return text


def status(state: State, sessions: int) -> str:
    """The text of get_status, which a camera also sends unasked."""
    plate, newer = state.plate, state.firmware.name == "B"
    wired, wireless = (mac.hex(":").upper() for mac in plate.macs)
    shown = plate.virtualId or plate.deviceId
    values: dict[str, Value] = {
        "alias": plate.name,
        "deviceid": shown.compact,
        "sys_ver": state.firmware.systemVersion,
        "app_version": state.firmware.appVersion,
        "oem_id": "OEM",
        "now": int(state.now),
        "alarm_status": 0,
        "upnp_status": 0,
        "dnsenable": 0,
        "osdenable": state.image["OSDEnable"],
        "syswifi_mode": 1,
        "mac": wired,
        "wifimac": wireless,
        "sdstatus": 1,
        "record_sd_status": 1,
        "dns_status": 0,
        "internet": 0,
        "p2pstatus": 0,
        "devicetype": 0,
        "devicesubtype": 0,
        "externwifi": 1,
        "encrypt": 0,
        "under": 0,
        "sdtotal": CARD,
        "sdfree": CARD_FREE,
        "sdlevel": 0,
        "timeplan_ver": 1,
        "camera_type": 0,
        "params_md5": state.digest(),
        "pwd_change_realtime": 1,
        "customer_code": 0,
        "haveWifi": 1,
        "haveMic": 1,
        "haveHorn": 1,
        "haveMotor": 1,
    }
    if newer:
        values |= {
            "isCharge": 0,
            "batteryRate": 0,
            "hardwareTestFunc": 0,
            "EchoCancellationVer": 1,
            "support_vuid": 1 if plate.virtualId else 0,
            "realdeviceid": plate.deviceId.compact,
            "vuid": plate.virtualId.compact if plate.virtualId else "",
            "vuidResult": 0,
            "wifi_change_realtime": 1,
            "support_led_hidden_mode": 0,
            "DualAuthentication": 0,
            "ResetResult": 0,
            "userId": "",
            "rootAdmin": 0,
            "ExUserSwitch": 0,
            "support_Plaintext_Pwd": 1,
            "current_users": sessions,
            "max_support_users": MAX_SESSIONS,
            "support_g711a": 1,
            "IcType": "T31",
            "OEM_CODE": "OEM",
        }
    # No camera tells this; it is here so that one can see that it obeys.
    pan, tilt = state.motors.where(state.uptime)
    values |= {"ptz_pan": round(pan), "ptz_tilt": round(tilt)}
    return variables(values)


def getStatus(request: Request) -> str:
    """What it is and how it is."""
    return status(request.state, request.sessions)


def getParams(request: Request) -> str:
    """Nearly all settings, passwords and all."""
    state = request.state
    values: dict[str, Value] = {"now": int(state.now)}
    for name, value in state.params.items():
        if name == "wifi_enable":
            values |= state.users()
        values[name] = value
    return variables(values)


def getCameraParams(request: Request) -> str:
    """The settings of picture and sound."""
    return variables(request.state.image)


def getMisc(request: Request) -> str:
    """The settings of motors and lamp."""
    return variables(request.state.misc)


def getLog(request: Request) -> str:
    """
    What happened.  Answers are made to be run as JavaScript, so the lines are
    parted by a backslash and an n, not by a line feed.
    """
    return variable("log_text", "\\n".join(request.state.log))


def getRecord(request: Request) -> str:
    """How is recorded, and how full the card is."""
    state = request.state
    encoder = {k: v for k, v in state.image.items() if k.startswith("enc_")}
    card = {"sdtotal": CARD, "sdfree": CARD_FREE, "record_sd_status": 1}
    return variables({**encoder, **state.recording, **card})


def getRecordFile(request: Request) -> str:
    """One page of the list of recordings; pages count from 0."""
    recordings = request.state.recordings
    size = min(request.number("PageSize", MAX_PAGE), MAX_PAGE)
    if size <= 0:
        size = MAX_PAGE
    index = max(0, request.number("PageIndex", 0))
    page = recordings[index * size : (index + 1) * size]
    listed = arrays(
        {
            "record_name0": [name for name, _ in page],
            "record_size0": [size for _, size in page],
        }
    )
    return listed + variables(
        {
            "record_num0": len(page),
            "PageIndex": index,
            "PageSize": size,
            "RecordCount": len(recordings),
            "PageCount": -(-len(recordings) // size),
        }
    )


def wifiScan(request: Request) -> str:
    """The wireless networks around."""
    newer = request.firmware.name == "B"
    text = variable("support_correct", 1) if newer else ""
    text += variable("ap_number", len(NETWORKS))
    columns: dict[str, list[Value]] = {
        "ap_ssid": [network.ssid for network in NETWORKS],
        "ap_mode": [0 for _ in NETWORKS],
        "ap_security": [network.security for network in NETWORKS],
        # The second is a quality of 0..100.
        "ap_dbm0": [network.decibels for network in NETWORKS],
        "ap_dbm1": [2 * (network.decibels + 100) for network in NETWORKS],
        "ap_mac": [network.mac for network in NETWORKS],
        "ap_channel": [network.channel for network in NETWORKS],
    }
    if newer:
        columns["ap_rssi"] = [network.decibels for network in NETWORKS]
    return text + arrays(columns)


def getRtsp(request: Request) -> str:
    """The RTSP server's settings."""
    params = request.state.params
    return variables(
        {
            "rtspenable": params["rtsp_auth_enable"],
            "rtspuser": params["rtsp_user"],
            "rtsppwd": params["rtsp_pwd"],
            "rtspport": params["rtsp_port"],
        }
    )


def login(request: Request) -> str:
    """A login that does nothing else."""
    return variable("level", request.level)


def _house(request: Request) -> dict[str, Value]:
    return {"current_users": request.sessions, "max_support_users": MAX_SESSIONS}


HANDLERS: dict[str, Handler] = {
    "check_user": checkUser,
    "get_status": getStatus,
    "get_params": getParams,
    "get_camera_params": getCameraParams,
    "get_misc": getMisc,
    "get_log": getLog,
    "get_record": getRecord,
    "get_record_file": getRecordFile,
    "get_wifi_scan_result": wifiScan,
    "wifi_scan": wifiScan,
    "get_rtsp": getRtsp,
    "login": login,
}
