/**
 * @typedef {object} Guest
 * @property {string} disk A qcow2 file that the guest writes to.
 * @property {string} [seed] What makeSeed made.
 * @property {ReadonlyArray<{ file: string, serial: string, format?: "qcow2" | "raw" }>} [drives]
 * Further disks; the guest sees each as
 *   /dev/disk/by-id/virtio-<serial>.
 * @property {ReadonlyArray<{ hostPort: number, guestPort: number }>} [forwards] What of the guest
 * is to be reached on the host's loopback.
 * @property {ReadonlyArray<{ guestAddress: string, guestPort: number, hostPort: number, busybox:
 * string }>} [reaches] What of the host's loopback
 * the guest reaches, at an address of 10.0.2.0/24 of its own network. Each connection is one run of
 * busybox's nc.
 * @property {string} serialFile What the guest says on its console.
 * @property {string} qmpSocket Where QEMU takes orders; see qmp.mjs.
 * @property {number} [memoryMib]
 * @property {number} [processors]
 * @property {"tcg" | "kvm"} [accelerator] TCG, where nobody says otherwise: KVM is not everywhere,
 * and not everywhere whole.
 */

/**
 * The command line of QEMU for a guest of this image that reaches nothing but what is said here.
 * @param {Guest} guest
 * @returns {readonly [string, ...string[]]}
 */
export function qemuCommand({
  disk,
  seed,
  drives = [],
  forwards = [],
  reaches = [],
  serialFile,
  qmpSocket,
  memoryMib = 2048,
  processors = 2,
  accelerator = "tcg",
}) {
  return [
    "qemu-system-x86_64",
    ...["-nodefaults", "-display", "none", "-machine", "q35", "-smp", String(processors), "-m", String(memoryMib)],
    ...accelerators[accelerator],
    ...["-device", "virtio-rng-pci", "-serial", `file:${serialFile}`, "-qmp", `unix:${qmpSocket},server=on,wait=off`],
    ...["-netdev", network(forwards, reaches), "-device", "virtio-net-pci,netdev=net,romfile="],
    ...drive("root", disk, "qcow2", "root"),
    ...drives.flatMap(({ file, serial, format = "qcow2" }, index) => drive(`data${index}`, file, format, serial)),
    ...(seed ? ["-drive", `file=${seed},if=virtio,format=raw,readonly=on`] : []),
  ];
}

const accelerators = {
  tcg: ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"],
  kvm: ["-accel", "kvm", "-cpu", "host"],
};

/** @param {string} id @param {string} file @param {string} format @param {string} serial */
const drive = (id, file, format, serial) => [
  "-drive",
  `file=${file},if=none,id=${id},format=${format},cache=unsafe,discard=unmap`,
  "-device",
  `virtio-blk-pci,drive=${id},serial=${serial}`,
];

/**
 * @param {NonNullable<Guest["forwards"]>} forwards @param {NonNullable<Guest["reaches"]>} reaches
 */
const network = (forwards, reaches) =>
  [
    "user,id=net,restrict=on",
    ...forwards.map(({ hostPort, guestPort }) => `hostfwd=tcp:127.0.0.1:${hostPort}-:${guestPort}`),
    ...reaches.map(
      ({ guestAddress, guestPort, hostPort, busybox }) =>
        `guestfwd=tcp:${guestAddress}:${guestPort}-cmd:${busybox} nc 127.0.0.1 ${hostPort}`,
    ),
  ].join(",");
