import { mountHolding } from "../../../agent/adapters/cache-filesystem/mount-table.ts";
import { reportedWrite } from "../../../agent/adapters/cache-filesystem/write-report.ts";
import { listeningInode } from "../../../agent/adapters/logs/launcher-log.ts";
import { groupId } from "../../../agent/adapters/machine/group-id.ts";
import { linksOf, routesOf, rulesOf } from "../../../agent/adapters/network/ip-answers.ts";
import { unitSeen } from "../../../agent/adapters/systemd/own-units.ts";
import { propertiesOf, propertiesOfEach } from "../../../agent/adapters/systemd/told-properties.ts";
import { readBlock } from "../../../agent/adapters/volume/block-device.ts";
import { readExt4 } from "../../../agent/adapters/volume/ext4.ts";
import { findToken } from "../../../agent/adapters/volume/label-token.ts";
import { readHeader } from "../../../agent/adapters/volume/luks-header.ts";
import { readTable } from "../../../agent/adapters/volume/mapping-table.ts";
import { readSignatures } from "../../../agent/adapters/volume/signatures.ts";
import { devicesOf } from "../../../agent/adapters/volume/udev.ts";
import { journaldEntry } from "../../../agent/core/journald-entry.ts";
import { readLogLine } from "../../../agent/core/log-entry.ts";
import { parseAddress } from "../../../agent/core/network/address.ts";
import { parseCidr } from "../../../agent/core/network/cidr.ts";
import { parseResolvConf, usableResolvers } from "../../../agent/core/network/resolvers.ts";
import { nodeEndMs } from "../../../agent/core/node-releases.ts";
import { shownWords } from "../../../agent/core/shown-words.ts";
import { withTimes } from "../../../agent/core/time-words.ts";
import { parseDeviceReference } from "../../../agent/core/volume/device-reference.ts";
import { sourceOf } from "../../../agent/gateway/source.ts";
import { ofBytes, ofText, type Parser } from "../parser.ts";
import { inFile } from "../samples.ts";

const DISK = {
  path: "/dev/vdb",
  type: "disk",
  size: 5,
  ro: false,
  mountpoints: [null, "/"],
  serial: "s",
  wwn: null,
  partuuid: null,
};
const LABEL = {
  type: "builder-agent",
  keyslots: [],
  version: 1,
  kind: "kept",
  orgId: "acme",
  projectId: "app",
  architecture: "amd64",
  volumeId: "v",
  filesystem: "ext4",
  luksUuid: "u",
  createdMs: 1,
  bootId: "b",
  mac: "AAAA",
};
const LUKS = {
  keyslots: {
    0: {
      type: "luks2",
      key_size: 64,
      area: { type: "raw", offset: "32768", size: "258048" },
      kdf: { type: "pbkdf2", salt: "AAAA" },
    },
  },
  tokens: { 0: LABEL },
  segments: { 0: { type: "crypt", offset: "16777216", sector_size: 4096 } },
  digests: { 0: { type: "pbkdf2", keyslots: ["0"] } },
  config: { json_size: "12288" },
};

/** What the system's programs and the kernel say; a stranger's disk and network speak through them. */
export const fromTheSystem: readonly Parser[] = [
  ofText(
    {
      name: "rules of ip",
      at: "agent/adapters/network/ip-answers.ts",
      samples: [[{ priority: 5, dst: "10.0.0.0", dstlen: 8, table: "main" }]],
    },
    rulesOf,
  ),
  ofText(
    {
      name: "lsblk",
      at: "agent/adapters/volume/block-device.ts",
      samples: [{ blockdevices: [DISK] }, { blockdevices: [{ ...DISK, children: [{ ...DISK, children: [DISK] }] }] }],
      mostBytes: 256 * 1024,
      troubles: ['{"children":['],
    },
    readBlock,
  ),
  ofText(
    {
      name: "dumpe2fs",
      at: "agent/adapters/volume/ext4.ts",
      samples: [
        "Filesystem features:      has_journal extent\nFilesystem state:         clean\nBlock count:              262144\nBlock size:               4096\n",
      ],
    },
    readExt4,
  ),
  ofText(
    {
      name: "wipefs and blkid",
      at: "agent/adapters/volume/signatures.ts",
      samples: [{ signatures: [{ offset: "0x0", type: "dos", usage: "partition-table" }] }],
    },
    (text) => readSignatures(text, { code: 0, stdout: text }),
  ),
  ofText(
    {
      name: "blkid",
      at: "agent/adapters/volume/signatures.ts",
      samples: ["TYPE=crypto_LUKS\nVERSION=2\nPTTYPE=dos\n"],
    },
    (stdout) => readSignatures("", { code: 0, stdout }),
  ),
  ofText(
    {
      name: "dmsetup",
      at: "agent/adapters/volume/mapping-table.ts",
      samples: ["0 20480 crypt aes-xts-plain64 :64:logon:cryptsetup:a 0 254:16 32768 1 sector_size:4096\n"],
    },
    readTable,
  ),
  ofText(
    {
      name: "udev's database",
      at: ["agent/adapters/volume/udev.ts"],
      samples: [
        "P: /devices/pci/vda\nN: vda\nS: disk/by-id/x\nE: SUBSYSTEM=block\nE: A=b\n\nP: /devices/pci/vda/vda1\nN: vda1\nE: SUBSYSTEM=block\nE: A=b\n",
      ],
      mostBytes: 4 * 1024 * 1024,
      troubles: ["\n ", "N: vda\nE: SUBSYSTEM=block\nE: A=b\n\n", "P: /a\nN: vda\nE: SUBSYSTEM=block\nE: A=b\n\n"],
    },
    (text) => devicesOf({ by: "udev", property: "A", value: "b" }, text),
  ),
  ofText(
    {
      name: "a LUKS2 header's metadata",
      at: ["agent/adapters/volume/luks-header.ts", "agent/adapters/volume/label-token.ts"],
      samples: [LUKS],
      mostBytes: 4 * 1024 * 1024,
      troubles: [nested('{"keyslots":{},"tokens":{},"a":'), '{"keyslots":', '{"a":'],
    },
    (stdout) => readLuks(stdout),
  ),
  ofText({ name: "a volume's label", at: "agent/adapters/volume/label-token.ts", samples: [LABEL] }, (text) =>
    findToken([jsonOf(text)]),
  ),
  ofText(
    {
      name: "a device's name",
      at: "agent/core/volume/device-reference.ts",
      samples: ["/dev/disk/by-id/virtio-a", "udev:A=b", "file:/a"],
    },
    parseDeviceReference,
  ),
  ofText(
    {
      name: "addresses of ip",
      at: "agent/adapters/network/ip-answers.ts",
      samples: [[{ ifname: "eth0", mtu: 1500, addr_info: [{ local: "10.0.0.5", prefixlen: 24, scope: "global" }] }]],
      mostBytes: 1024 * 1024,
    },
    linksOf,
  ),
  ofText(
    {
      name: "routes of ip",
      at: "agent/adapters/network/ip-answers.ts",
      samples: [
        [
          { dst: "default", dev: "eth0" },
          { dst: "10.0.0.0/24", dev: "eth0", type: "broadcast" },
        ],
      ],
      mostBytes: 1024 * 1024,
    },
    routesOf,
  ),
  ofText(
    {
      name: "an address",
      at: "agent/core/network/address.ts",
      samples: ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"],
    },
    parseAddress,
  ),
  ofText({ name: "a range", at: ["agent/core/network/cidr.ts"], samples: ["10.0.0.0/8", "2001:db8::/32"] }, parseCidr),
  ofText(
    {
      name: "who connects",
      at: "agent/gateway/source.ts",
      samples: ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0"],
    },
    sourceOf,
  ),
  ofText(
    {
      name: "resolv.conf",
      at: "agent/core/network/resolvers.ts",
      samples: ["nameserver 10.0.0.2\nsearch a.example b.example\noptions ndots:2 rotate\n# a\n"],
      troubles: ["a.", "#", "nameserver 10.0.0.2\n"],
    },
    (text) => usableResolvers(parseResolvConf(text), ["10.0.0.5"], []),
  ),
  ofText(
    {
      name: "mounts",
      at: "agent/adapters/cache-filesystem/mount-table.ts",
      samples: ["36 35 98:0 / /mnt/a\\040b rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue\n"],
      mostBytes: 1024 * 1024,
    },
    (table) => mountHolding(table, "/mnt/a b/c"),
  ),
  ofBytes(
    {
      name: "tries to write to the cache",
      at: "agent/adapters/cache-filesystem/write-report.ts",
      samples: ["5 written", "6 refused EROFS"],
    },
    (bytes) => inFile(bytes, reportedWrite),
  ),
  ofBytes(
    {
      name: "listening sockets",
      at: "agent/adapters/logs/launcher-log.ts",
      samples: [
        "Num RefCount Protocol Flags Type St Inode Path\n0: 00000002 00000000 00010000 0001 01 12345 /run/a.sock\n",
      ],
    },
    (bytes) => inFile(bytes, (file) => listeningInode("/run/a.sock", file)),
  ),
  ofBytes(
    { name: "groups", at: "agent/adapters/machine/group-id.ts", samples: ["root:x:0:\nbuilder:x:998:a,b\n"] },
    (bytes) => inFile(bytes, (file) => groupId("builder", file)),
  ),
  ofText({ name: "Node's version", at: "agent/core/node-releases.ts", samples: ["v24.1.0"] }, nodeEndMs),
  ofText(
    {
      name: "systemctl show",
      at: ["agent/adapters/systemd/told-properties.ts", "agent/adapters/systemd/own-units.ts"],
      samples: [
        "LoadState=loaded\nActiveState=active\nNRestarts=2\nDropInPaths=/etc/a.conf /etc/b.conf\n",
        "A=1\nA=2\n\nB=3\n",
      ],
      troubles: ["A=1\n", "\n\n", "\\"],
    },
    (text) => {
      unitSeen("builder-agent-gateway.service", propertiesOf(text));
      return propertiesOfEach(text);
    },
  ),
  ofText(
    {
      name: "the journal",
      at: "agent/core/journald-entry.ts",
      samples: [
        { MESSAGE: "a", PRIORITY: "6", UNIT: "u", _PID: "1", __REALTIME_TIMESTAMP: "1700000000000000" },
        { MESSAGE: [104, 105] },
        { MESSAGE: ["a", "b"] },
      ],
      troubles: [nested('{"MESSAGE":'), '{"MESSAGE":['],
    },
    journaldEntry,
  ),
  ofText(
    {
      name: "a line of a log",
      at: "agent/core/log-entry.ts",
      samples: [
        { level: "info", time: "2031-02-03T04:05:06Z", event: "a.b", process: "control", x: 1 },
        'time="a" level=warning msg="b"',
      ],
    },
    (text) => readLogLine({ text, unit: "builder-agent-gateway.service", priority: 4 }),
  ),
  ofText(
    {
      name: "words of others, shown",
      at: "agent/core/shown-words.ts",
      samples: ["failed: http://user:word@proxy.example:3128/a?token=b, then", "https://[::1]:5/"],
      mostBytes: 1024 * 1024,
      troubles: ["a", "a://b ", "a@b?c://", "a.", "://"],
    },
    (text) => shownWords(`${text} ://a`),
  ),
  ofText(
    {
      name: "moments in a message",
      at: "agent/core/time-words.ts",
      samples: ["down since 2031-02-03T04:05:06.789Z, again at 2031-02-03T04:05:06Z"],
      troubles: ["2026-13-45T99:99:99Z ", "since ", "2026-"],
    },
    (text) => withTimes(text, 0),
  ),
];

/** More levels than any stack has. */
function nested(before: string): Buffer {
  return Buffer.from(`${before}${"[".repeat(50_000)}${"]".repeat(50_000)}}`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readLuks(stdout: string): Promise<unknown> {
  const run = (): Promise<{ code: number; stdout: string }> => Promise.resolve({ code: 0, stdout });
  const copy = { path: "/header", bytes: Buffer.alloc(8), deviceNumber: "1:1" };
  return readHeader(
    { run: run as never, labelKey: Buffer.alloc(32), givenKey: undefined },
    copy as never,
    new AbortController().signal,
  );
}
