import { run } from "../../setup/child.mjs";
import { SetupFailed } from "../../setup/failure.mjs";

const ASK_DEADLINE_MS = 60_000;
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * Where this machine gets Debian's packages, as lines of a sources.list: the nearest mirror is
 * known to whoever set the machine up.
 * @param {string} suite "bookworm"
 */
export async function debianSources(suite) {
  const listed = await ask("apt-get", [
    "indextargets",
    "--format",
    "$(REPO_URI) $(RELEASE) $(ORIGIN)",
    "Created-By: Packages",
  ]);
  const lines = listed
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, release, origin]) => origin === "Debian" && release && release.split("-")[0] === suite)
    .map(([uri, release]) => `deb [signed-by=${KEYRING}] ${uri} ${release} main`);
  if (lines.some((line) => line.includes(` ${suite} `)) && lines.some((line) => line.includes(` ${suite}-security `)))
    return [...new Set(lines)];
  throw new SetupFailed(`apt on this machine knows no source of Debian's ${suite} or of its security updates`, {
    advice: `run apt-get update; the image is made on a Debian ${suite} machine from the sources that its apt has`,
  });
}

/**
 * The machine's way to its mirror, where that is not the direct one, as options of apt. They do not
 * stay in the image.
 */
export async function aptProxies() {
  const dumped = await ask("apt-config", ["dump"]);
  return dumped.split("\n").filter((line) => /^Acquire::\w+::Proxy(::\S+)? "[^"]/.test(line));
}

/** @param {string} command @param {readonly string[]} args */
const ask = (command, args) =>
  run({
    what: `${command} ${args[0]}`,
    command,
    args,
    deadlineMs: ASK_DEADLINE_MS,
    advice: "the image is made on a Debian machine",
  });
