/**
 * A LUKS2 header's metadata without its tokens: each value by its path, "segments/0/type" →
 * "crypt". Slashes in names are encoded, so that none can pass for a path. An empty list or object
 * is a value.
 */
export type HeaderMetadata = ReadonlyMap<string, string>;

const NUMBER = /^\d{1,19}$/;
const BASE64 = /^[A-Za-z0-9+/]{1,512}={0,2}$/;

/**
 * One cipher for the data and for the key slot's area: a slot in clear text would open to anybody.
 */
const CIPHER = "aes-xts-plain64";

/** Both headers and the key slots of luksFormat: `--offset` in bytes. */
export const DATA_OFFSET_BYTES = 16_777_216;

/**
 * The whole metadata that this agent's luksFormat writes, in every release so far (LUKS2 on-disk
 * format, section 3). A value is fixed where it decides how bytes are written or read.
 */
const FORM: ReadonlyMap<string, string | RegExp> = new Map<string, string | RegExp>([
  ["segments/0/type", "crypt"],
  ["segments/0/encryption", CIPHER],
  ["segments/0/offset", String(DATA_OFFSET_BYTES)],
  ["segments/0/size", "dynamic"],
  ["segments/0/iv_tweak", "0"],
  ["segments/0/sector_size", /^(512|4096)$/],
  ["keyslots/0/type", "luks2"],
  ["keyslots/0/key_size", "64"],
  ["keyslots/0/area/type", "raw"],
  ["keyslots/0/area/encryption", CIPHER],
  ["keyslots/0/area/key_size", "64"],
  ["keyslots/0/area/offset", NUMBER],
  ["keyslots/0/area/size", NUMBER],
  ["keyslots/0/af/type", "luks1"],
  ["keyslots/0/af/stripes", "4000"],
  ["keyslots/0/af/hash", "sha256"],
  ["keyslots/0/kdf/type", "pbkdf2"],
  ["keyslots/0/kdf/hash", "sha256"],
  ["keyslots/0/kdf/iterations", NUMBER],
  ["keyslots/0/kdf/salt", BASE64],
  ["digests/0/type", "pbkdf2"],
  ["digests/0/keyslots/0", "0"],
  ["digests/0/segments/0", "0"],
  ["digests/0/hash", "sha256"],
  ["digests/0/iterations", NUMBER],
  ["digests/0/salt", BASE64],
  ["digests/0/digest", BASE64],
  ["config/json_size", NUMBER],
  ["config/keyslots_size", NUMBER],
]);

/**
 * In what a header is not one that this agent writes; undefined if it is. Ends a sentence that
 * begins with the header.
 */
export function headerFault(metadata: HeaderMetadata): string | undefined {
  const demands = [...metadata].filter(([path]) => path.startsWith("config/requirements"));
  if (demands.length > 0) return `requires ${quoted(demands.map(([, value]) => value).join(", "))} (a re-encryption?)`;
  return countFault(metadata) ?? valueFault(metadata);
}

/** Of a header without a fault. */
export function sectorBytesOf(metadata: HeaderMetadata): number {
  return Number(metadata.get("segments/0/sector_size"));
}

/** The form that is authenticated: one text for one header, in whatever order its fields come. */
export function canonicalHeader(luksUuid: string, metadata: HeaderMetadata): string {
  const entries = [...metadata].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(["builder-agent volume header", 1, luksUuid, entries]);
}

const KINDS = [
  { of: "segments", called: "data segments" },
  { of: "keyslots", called: "key slots" },
  { of: "digests", called: "key digests" },
] as const;

function countFault(metadata: HeaderMetadata): string | undefined {
  for (const { of, called } of KINDS) {
    const count = new Set([...metadata.keys()].flatMap((path) => memberOf(of, path))).size;
    if (count !== 1) return `has ${count} ${called}, not one`;
  }
  return undefined;
}

function memberOf(kind: string, path: string): readonly string[] {
  const [first, member] = path.split("/");
  return first === kind && member !== undefined ? [member] : [];
}

function valueFault(metadata: HeaderMetadata): string | undefined {
  for (const [path, right] of FORM) {
    const value = metadata.get(path);
    if (value === undefined) return `does not say ${path}`;
    if (typeof right === "string" && value !== right) return `says ${path} ${quoted(value)}, not ${quoted(right)}`;
    if (right instanceof RegExp && !right.test(value)) return `says ${path} ${quoted(value)}`;
  }
  const unknown = [...metadata.keys()].find((path) => !FORM.has(path));
  return unknown === undefined ? undefined : `says ${quoted(unknown)}, which this agent never writes`;
}

/** A stranger's words, in one line. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 64).replaceAll(/[^ -~]/g, "?"));
}
