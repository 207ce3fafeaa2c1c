import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";

/** `systemctl` and `journalctl` whose answers a test writes; on PATH for as long as a test runs. */
export class StandIn {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** What `systemctl show` says of a unit from now on. */
  async shows(unit: string, properties: Readonly<Record<string, string | number>>): Promise<void> {
    const text = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(join(this.#dir, `${unit}.show`), text.join(""));
  }

  /** What a verb does from now on, in shell. */
  async does(verb: string, script: string): Promise<void> {
    await writeFile(join(this.#dir, `${verb}.sh`), script);
  }

  /** The last words in the journal, of any run. */
  async lastWords(...lines: readonly string[]): Promise<void> {
    await writeFile(join(this.#dir, "journal"), lines.map((line) => `${line}\n`).join(""));
  }

  /** What was asked, but for looks: "start buildkitd.service". */
  async asked(): Promise<readonly string[]> {
    const text = await readFile(join(this.#dir, "asked"), "utf8").catch(() => "");
    return text.split("\n").filter(Boolean);
  }

  /** How often `systemctl show` was asked for a unit. */
  async looks(unit: string): Promise<number> {
    const text = await readFile(join(this.#dir, "shown"), "utf8").catch(() => "");
    return text.split("\n").filter((line) => line === unit).length;
  }

  async install(): Promise<void> {
    await mkdir(join(this.#dir, "bin"));
    const header = `#!/bin/sh\ncd "${this.#dir}" || exit 99\n`;
    await this.#program("systemctl", `${header}${SYSTEMCTL}`);
    await this.#program("journalctl", `${header}cat journal 2>/dev/null || true\n`);
  }

  async #program(name: string, text: string): Promise<void> {
    const path = join(this.#dir, "bin", name);
    await writeFile(path, text);
    await chmod(path, 0o755);
  }
}

/** The unit is the last word; its options stand before "--". */
const SYSTEMCTL = `
verb=$1
for unit; do :; done
case $verb in
show)
  between=
  while [ "$1" != -- ]; do shift; done
  shift
  if [ -e show.sh ]; then . ./show.sh; fi
  for unit; do echo "$unit" >>shown; printf %s "$between"; cat "$unit.show" || exit 1; between="
"; done
  ;;
*)
  options=$(for word; do case $word in --no-block|--signal=*) printf ' %s' "$word" ;; esac; done)
  echo "$verb $unit$options" >>asked
  if [ -e "$verb.sh" ]; then . "./$verb.sh"; fi
  ;;
esac
`;

/** A fresh one for each test. */
export function standIn(): () => StandIn {
  let dir: TempDir;
  let current: StandIn;
  let path: string | undefined;
  beforeEach(async () => {
    dir = await TempDir.make("/tmp/stand-in-");
    current = new StandIn(dir.path);
    await current.install();
    path = process.env["PATH"];
    process.env["PATH"] = `${join(dir.path, "bin")}:${path}`;
  });
  afterEach(async () => {
    process.env["PATH"] = path;
    await dir[Symbol.asyncDispose]();
  });
  return () => current;
}
