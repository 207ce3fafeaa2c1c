import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { inTree } from "../setup/tree.mjs";
import { between } from "./between.mjs";
import { configurationSchema } from "./configuration-schema.mjs";
import { configurationTable } from "./configuration-table.mjs";
import { eventsOfTheCode, eventsPage } from "./events.mjs";

// Writes what documents tell of the configuration and the log, from the code; with --check only
// looks, and exits 1 if they are not current. It reads the compiled agent, which must be there.
const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });

const documents = [
  { file: "docs/config.schema.json", make: configurationSchema },
  {
    file: "README.md",
    make: async (/** @type {string} */ text) => between(text, "configuration", await configurationTable()),
  },
  { file: "docs/events.md", make: async () => eventsPage(await eventsOfTheCode()) },
];
for (const { file, make } of documents) {
  const kept = await readFile(inTree(file), "utf8").catch(() => "");
  const wanted = await make(kept);
  if (wanted === undefined)
    complain(`${file} lacks the lines <!-- configuration:begin --> and <!-- configuration:end -->`);
  else if (wanted !== kept && values.check) complain(`${file} is not what the code says; mend with: npm run gen:docs`);
  else if (wanted !== kept) await write(file, wanted);
}

/** @param {string} text */
function complain(text) {
  process.stdout.write(`${text}\n`);
  process.exitCode = 1;
}

/** @param {string} file @param {string} content */
async function write(file, content) {
  await mkdir(dirname(inTree(file)), { recursive: true });
  await writeFile(inTree(file), content);
  process.stdout.write(`wrote ${file}\n`);
}
