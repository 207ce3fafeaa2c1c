import { release, version } from "node:os";
import type { Collector, Document } from "../collector.ts";
import { programOutput } from "../program-output.ts";
import { readHead } from "../read-file.ts";
import { processes } from "./processes.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const FILE_BYTES = 64 * KIB;

/** Facts that the kernel and Debian's programs tell; each file or program by itself. */
export function machineCollectors(ruleset: string): readonly Collector[] {
  return [
    {
      ...small("kernel/uname.txt", "kernel and Debian release"),
      collect: async () =>
        `${release()}\n${version()}\n\n${(await readHead("/usr/lib/os-release", FILE_BYTES)).toString("utf8")}`,
    },
    procFiles("kernel/memory.txt", "memory, load, pressure, uptime", [
      ...["meminfo", "loadavg", "uptime", "vmstat"],
      ...["pressure/cpu", "pressure/io", "pressure/memory"],
    ]),
    {
      ...program("kernel/dmesg.txt", "the kernel's last messages", "dmesg", "--time-format=iso"),
      ...{ maxBytes: MIB, keeps: "tail" as const, isFreeText: true as const },
    },
    processes(),
    program("disks/lsblk.json", "block devices", "lsblk", "--json", "--bytes", "--output", BLOCK_COLUMNS),
    program("disks/space.txt", "space of file systems", "df", "-PkT"),
    program("disks/inodes.txt", "inodes of file systems", "df", "-Pi"),
    procFiles("disks/mounts.txt", "mounts", ["self/mounts", "swaps"]),
    {
      ...small("network/nft.json", "our guard in nftables"),
      collect: (signal) => programOutput("nft", ["--json", "list", "table", "inet", ruleset], signal, /No such file/),
    },
    program("network/addresses.json", "addresses and links", "ip", "-json", "-details", "address"),
    program("network/routes.txt", "routes of all tables, IPv4", "ip", "-4", "route", "show", "table", "all"),
    program("network/routes6.txt", "routes of all tables, IPv6", "ip", "-6", "route", "show", "table", "all"),
    program("network/rules.txt", "routing rules", "ip", "rule"),
    program("network/listening.txt", "listening sockets", "ss", "-tuln"),
    program("clock/timedatectl.txt", "time, time zone, whether it is kept", "timedatectl", "show"),
    program("clock/chrony.txt", "chrony's own view", "chronyc", "-n", "tracking"),
  ];
}

const BLOCK_COLUMNS = "NAME,PATH,TYPE,SIZE,FSTYPE,FSAVAIL,FSUSE%,MOUNTPOINTS,RO,MODEL,SERIAL,DISC-MAX,STATE";

function small(path: string, what: string) {
  return { kind: "document", path, what, maxBytes: 2 * MIB } as const;
}

/** What systemd's programs say in a container, or where another one starts the machine. */
const NO_SYSTEMD = /not been booted with systemd/;

export function program(path: string, what: string, name: string, ...args: readonly string[]): Document {
  return { ...small(path, what), collect: (signal) => programOutput(name, args, signal, NO_SYSTEMD) };
}

/** Files of /proc, one below the other. One that this kernel does not have is left out. */
function procFiles(path: string, what: string, names: readonly string[]): Document {
  return {
    ...small(path, what),
    async collect() {
      const texts = await Promise.all(
        names.map(async (name) => {
          const text = await readHead(`/proc/${name}`, FILE_BYTES).catch(() => undefined);
          return text === undefined ? "" : `# /proc/${name}\n${text.toString("utf8")}\n`;
        }),
      );
      return texts.join("");
    },
  };
}
