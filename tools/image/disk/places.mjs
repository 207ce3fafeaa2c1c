const MIB = 1024 * 1024;

export const SECTOR_BYTES = 512;

/**
 * Where everything lies on the disk, in bytes: a GUID partition table, so that both BIOS and UEFI
 * machines boot it. The root comes last, so that it can grow with the disk.
 */
export const places = {
  diskBytes: 4096 * MIB,
  bios: { startBytes: MIB, sizeBytes: MIB },
  efi: { startBytes: 2 * MIB, sizeBytes: 16 * MIB },
  // The last MiB is for the table's copy.
  root: { startBytes: 18 * MIB, sizeBytes: (4096 - 18 - 1) * MIB },
};

const GUID = {
  bios: "21686148-6449-6E6F-744E-656564454649",
  efi: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
  root: "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
};

/** What sfdisk reads. */
export const partitionTable = [
  "label: gpt",
  "unit: sectors",
  ...[
    { name: "bios", place: places.bios, type: GUID.bios },
    { name: "efi", place: places.efi, type: GUID.efi },
    { name: "root", place: places.root, type: GUID.root },
  ].map(
    ({ name, place, type }) =>
      `start=${place.startBytes / SECTOR_BYTES}, size=${place.sizeBytes / SECTOR_BYTES}, type=${type}, name=${name}`,
  ),
].join("\n");
