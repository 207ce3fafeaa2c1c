import type { Belongs, Kind } from "../../core/calls.ts";
import type { ToldBlob } from "./told-blobs.ts";

/** Stock clients have one ref and one session for each build that they run. */
const NAMES_MAX_PER_BUILD = 4_096;
/** In all: some 20 MB. The names of builds that ended longest ago make room. */
const NAMES_MAX = 200_000;

/**
 * Which build each ref, session and blob of BuildKit belongs to: whoever was first to name it, or
 * was told of it. It outlives a build: its history does, too.
 */
export class Belongings {
  /** Of each build, the one that was last active at the end. */
  readonly #builds = new Map<string, Set<string>>();
  readonly #owners = new Map<string, string>();

  /** `claims`: what belongs to nobody is this build's from now on. */
  belongs(buildId: string, kind: Kind, name: string, claims: boolean): Belongs {
    const key = keyOf(buildId, kind, name);
    const owner = this.#owners.get(key);
    if (owner !== undefined) return owner === buildId ? "own" : "foreign";
    if (!claims) return "unknown";
    return this.#add(buildId, key) ? "own" : "too-many";
  }

  /** BuildKit told this build of a blob. */
  isTold(buildId: string, { digest, namesMore }: ToldBlob): void {
    this.#add(buildId, keyOf(buildId, "digest", digest));
    if (namesMore) this.#add(buildId, namingKeyOf(buildId, digest));
  }

  /** What this blob names belongs to this build, too. */
  namesMore(buildId: string, digest: string): boolean {
    return this.#owners.has(namingKeyOf(buildId, digest));
  }

  /**
   * Forgets what builds had that are no longer open, those that ended longest ago first, until
   * there is room.
   */
  makeRoom(isOpen: (buildId: string) => boolean): void {
    for (const [buildId, names] of this.#builds) {
      if (this.#owners.size <= NAMES_MAX) return;
      if (isOpen(buildId)) continue;
      for (const name of names) this.#owners.delete(name);
      this.#builds.delete(buildId);
    }
  }

  #add(buildId: string, key: string): boolean {
    const names = this.#builds.get(buildId) ?? new Set();
    if (!names.has(key) && names.size >= NAMES_MAX_PER_BUILD) return false;
    names.add(key);
    this.#owners.set(key, buildId);
    this.#builds.delete(buildId);
    this.#builds.set(buildId, names);
    return true;
  }
}

/**
 * BuildKit looks a session up by what follows the first colon, if anything does (its
 * session/manager.go, `Get`), and keeps it as it was announced, with colons of its own if it has
 * any: all ways of writing it are one. Two builds may have the same blob.
 */
function keyOf(buildId: string, kind: Kind, name: string): string {
  if (kind === "digest") return `${kind} ${name} ${buildId}`;
  if (kind === "ref") return `${kind} ${name}`;
  return `${kind} ${name.replace(PREFIXES, "")}`;
}

const PREFIXES = /^(?:[^:]*:)+(?!$)/;

function namingKeyOf(buildId: string, digest: string): string {
  return `naming ${keyOf(buildId, "digest", digest)}`;
}
