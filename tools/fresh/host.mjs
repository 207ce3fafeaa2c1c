import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "../setup/child.mjs";
import { findCommand } from "../setup/commands.mjs";
import { npm } from "../setup/npm-packages.mjs";
import { inTree } from "../setup/tree.mjs";

const ASK_DEADLINE_MS = 60_000;
/** Of Go: where modules come from, and who vouches for them. */
const GO_SETTINGS = [
  "GOPROXY",
  "GOSUMDB",
  "GONOSUMDB",
  "GONOPROXY",
  "GOPRIVATE",
  "GOINSECURE",
  "GOFLAGS",
  "GOTOOLCHAIN",
];
/** How clients of many kinds are told of a proxy, and of authorities to believe. */
const PASSED = /^(https?_proxy|no_proxy|all_proxy|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|GIT_SSL_CAINFO)$/i;

/**
 * @typedef {object} Host What a fresh machine gets of this one: programs, and the way to the
 * package registries, as this user's clients know it.
 * @property {ReadonlyArray<readonly [string, string]>} readOnly What is bound, and where.
 * @property {ReadonlyArray<readonly [string, string]>} overlaid The same, but it may be written to
 * there; what is written is thrown away.
 * @property {Readonly<Record<string, string>>} env
 * @property {readonly string[]} copied Files that a package of that machine may replace.
 */

/** @returns {Promise<Host>} */
export async function askHost() {
  const go = parse(await ask("go", ["env", "-json", "GOROOT", "GOCACHE", "GOMODCACHE", ...GO_SETTINGS]));
  const { GOROOT = "", GOCACHE = "", GOMODCACHE = "" } = go;
  const passed = Object.entries(process.env).filter(([name, value]) => PASSED.test(name) && value);
  const [userconfig, globalconfig] = [await npmSetting("userconfig"), await npmSetting("globalconfig")];
  const there = /** @type {const} */ ([
    [process.execPath, "/usr/local/bin/node"],
    [npmFolder(), "/usr/local/lib/node_modules/npm"],
    [GOROOT, "/usr/local/go"],
    [userconfig, "/run/host/npmrc"],
    [globalconfig, "/run/host/global-npmrc"],
    [join(homedir(), ".netrc"), "/root/.netrc"],
    [await gitFolder(), "/run/host/repository"],
    ...passed.map(([, value = ""]) => /** @type {const} */ ([value, value])).filter(([path]) => path.startsWith("/")),
  ]);
  return {
    readOnly: there.filter(([path]) => existsSync(path)),
    overlaid: /** @type {const} */ ([
      [GOCACHE, "/root/.cache/go-build"],
      [GOMODCACHE, "/root/go/pkg/mod"],
    ]).filter(([path]) => existsSync(path)),
    env: {
      ...Object.fromEntries(GO_SETTINGS.filter((name) => go[name]).map((name) => [name, go[name]])),
      ...Object.fromEntries(passed.map(([name, value = ""]) => [name, value])),
      NPM_CONFIG_USERCONFIG: "/run/host/npmrc",
      NPM_CONFIG_GLOBALCONFIG: "/run/host/global-npmrc",
    },
    copied: ["/etc/hosts", "/etc/ssl/certs/ca-certificates.crt", "/etc/apt/auth.conf"].filter((file) =>
      existsSync(file),
    ),
  };
}

/** @type {(json: string) => Readonly<Record<string, string>>} */
const parse = JSON.parse;

/** The commit that this work tree is at. */
export const head = async () => (await ask("git", ["-C", inTree(), "rev-parse", "HEAD"])).trim();

/** Where the repository's objects are, of a linked work tree, too. */
const gitFolder = async () =>
  (await ask("git", ["-C", inTree(), "rev-parse", "--path-format=absolute", "--git-common-dir"])).trim();

/** @param {string} name */
async function npmSetting(name) {
  const { command, args } = npm(["config", "get", name]);
  return (await ask(command, args)).trim();
}

/** The package that npm's own program lies in, behind whatever link PATH has to it. */
const npmFolder = () => dirname(dirname(realpathSync(process.env["npm_execpath"] ?? findCommand("npm") ?? "")));

/** @param {string} command @param {readonly string[]} args */
const ask = (command, args) => run({ what: `${command} ${args[0]}`, command, args, deadlineMs: ASK_DEADLINE_MS });
