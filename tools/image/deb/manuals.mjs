import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { run } from "../../setup/child.mjs";

const DEADLINE_MS = 60_000;

/** What the agent prints of itself, and where a Debian machine looks for it. */
const MANUALS = [
  { args: ["completion", "bash"], place: "usr/share/bash-completion/completions/builder-agent" },
  { args: ["completion", "zsh"], place: "usr/share/zsh/vendor-completions/_builder-agent" },
  { args: ["completion", "fish"], place: "usr/share/fish/vendor_completions.d/builder-agent.fish" },
  { args: ["man"], place: "usr/share/man/man8/builder-agent.8.gz" },
];

/**
 * Asks the agent that is being packed for its manual and its completions.
 * @param {string} program Its main file. @param {string} root Of the package.
 */
export async function putManuals(program, root) {
  for (const { args, place } of MANUALS) {
    const what = `builder-agent ${args.join(" ")}`;
    const text = await run({ what, command: process.execPath, args: [program, ...args], deadlineMs: DEADLINE_MS });
    const content = place.endsWith(".gz") ? gzipSync(text, { level: 9 }) : text;
    mkdirSync(join(root, dirname(place)), { recursive: true });
    writeFileSync(join(root, place), content);
  }
}
