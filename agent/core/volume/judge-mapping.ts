import { DATA_OFFSET_BYTES } from "./header-form.ts";

/** What the kernel maps at our name, as its own table says. */
export type MappingTable =
  | {
      readonly is: "crypt";
      readonly cipher: string;
      /** 0: there is none. */
      readonly keyBytes: number;
      /** In sectors of 512 bytes, as the next one. */
      readonly ivOffset: number;
      /** "major:minor" of the device below. */
      readonly device: string;
      readonly offset: number;
      readonly sectorBytes: number;
      /** Those besides the sector's size. */
      readonly options: readonly string[];
    }
  /** Several targets, or another one than crypt. */
  | { readonly is: "other"; readonly targets: readonly string[] };

export interface MappingWanted {
  /** "major:minor" */
  readonly device: string;
  readonly sectorBytes: number;
}

const SECTOR_BYTES = 512;

/** None of them decides what is written, only when. */
const OPTIONS: ReadonlySet<string> = new Set(["allow_discards", "no_read_workqueue", "no_write_workqueue"]);

/** In what a mapping is not the one that was ordered; undefined if it is. */
export function mappingFault(table: MappingTable, { device, sectorBytes }: MappingWanted): string | undefined {
  if (table.is === "other") return `is ${JSON.stringify(table.targets.join(", "))}, not one encrypted device`;
  const rows: readonly (readonly [what: string, is: string | number, wanted: string | number])[] = [
    ["cipher", table.cipher, "aes-xts-plain64"],
    ["key bytes", table.keyBytes, 64],
    ["device", table.device, device],
    ["offset in sectors", table.offset, DATA_OFFSET_BYTES / SECTOR_BYTES],
    ["first sector number", table.ivOffset, 0],
    ["bytes of a sector", table.sectorBytes, sectorBytes],
  ];
  const wrong = rows.find(([, is, wanted]) => is !== wanted);
  if (wrong !== undefined) return `has ${wrong[0]} ${JSON.stringify(wrong[1])}, not ${JSON.stringify(wrong[2])}`;
  const option = table.options.find((name) => !OPTIONS.has(name));
  return option === undefined ? undefined : `has the option ${JSON.stringify(option)}`;
}
