import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCommand } from "../../setup/commands.mjs";
import { SetupFailed } from "../../setup/failure.mjs";

const DOCKERFILE = `# The guest reaches no registry: all that a build needs is in its context.
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "uname", "-a"]
`;

/**
 * Something to build. @param {string} folder @returns {readonly string[]} buildctl's arguments from
 * \`build\` on.
 */
export function writeExample(folder) {
  const busybox = findCommand("busybox");
  if (!busybox) throw new SetupFailed("busybox, of which the example is made, is missing");
  const example = join(folder, "example");
  mkdirSync(example);
  copyFileSync(busybox, join(example, "busybox"));
  writeFileSync(join(example, "Dockerfile"), DOCKERFILE);
  const locals = ["context", "dockerfile"].flatMap((name) => ["--local", `${name}=${example}`]);
  return ["build", "--progress", "plain", "--frontend", "dockerfile.v0", ...locals];
}
