import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTree } from "../setup/tree.mjs";
import { complaints, step } from "./step.mjs";

const BUF = "@bufbuild/buf/bin/buf";
/** What control planes may have been written against: `npm run release:contract` moves it. */
const RELEASED = "tools/contract/released.binpb";
const GENERATED = "agent/adapters/grpc/gen";

/**
 * The contract is well made, breaks nobody who implements it, and the code in the repository is
 * what it generates.
 */
export const generated = () =>
  step(
    "generated",
    async () =>
      (await complaints(BUF, ["lint"])) ||
      (await complaints(BUF, ["breaking", "--against", RELEASED])) ||
      (await differences()),
  );

async function differences() {
  const fresh = await mkdtemp(join(tmpdir(), "builder-agent-gen-"));
  try {
    const refused = await complaints(BUF, ["generate", "--output", fresh]);
    if (refused) return refused;
    const [wanted, kept] = [await filesOf(join(fresh, GENERATED)), await filesOf(inTree(GENERATED))];
    const stale = [...new Set([...wanted.keys(), ...kept.keys()])].filter(
      (file) => wanted.get(file) !== kept.get(file),
    );
    return stale.map((file) => `${GENERATED}/${file} is not what proto/ generates; mend with: npm run gen`).join("\n");
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** @param {string} folder @returns {Promise<Map<string, string>>} Each file's content. */
async function filesOf(folder) {
  const files = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const contents = files
    .filter((file) => file.isFile())
    .map(async ({ parentPath, name }) => {
      const path = join(parentPath, name);
      return /** @type {const} */ ([path.slice(folder.length + 1), await readFile(path, "utf8")]);
    });
  return new Map(await Promise.all(contents));
}
