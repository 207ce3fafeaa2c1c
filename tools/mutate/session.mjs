import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { createVitest } from "vitest/node";
import { instrument } from "./instrument.mjs";
import { MUTATION_FILE } from "./mutation-file.mjs";

/**
 * A process that runs test files with one of the mutants alive, or with none. Its own so that
 * whoever asks can end it with all that a mutant has started. Talks by messages: `Opening` first,
 * then one `Order` after the other; each is answered in JSON.
 *
 * @typedef {{ root: string, setupFile: string, firstIds: readonly (readonly [file: string, firstId:
 * number])[], candidates: readonly string[] }} Opening
 * @typedef {{ is: "list" } | { is: "hits", test: string } | { is: "run", test: string, mutant:
 * number }} Order
 * @typedef {{ tests: readonly string[] }} Listed
 * @typedef {{ ok: boolean, why: string, tookMs: number }} Ran
 * @typedef {Ran & { hits: readonly number[] }} Hit
 */

process.once("message", (/** @type {Opening} */ opening) => void serve(opening));
// Whoever asks is gone: so is the reason to run.
process.once("disconnect", () => process.exit(1));

/** @param {Opening} opening */
async function serve({ root, setupFile, firstIds, candidates }) {
  process.chdir(root);
  const files = new Map(firstIds.map(([file, firstId]) => [join(root, file), { file, firstId }]));
  const plugin = {
    name: "mutants",
    enforce: /** @type {const} */ ("pre"),
    /** @param {string} source @param {string} id */
    transform(source, id) {
      const found = files.get(id.split("?", 1)[0] ?? "");
      return found ? { code: instrument(found.file, source, found.firstId).code, map: null } : undefined;
    },
  };
  const vitest = await createVitest(
    "test",
    {
      root,
      config: false,
      watch: false,
      include: [...candidates],
      related: [...files.keys()],
      setupFiles: [setupFile],
      pool: "forks",
      maxWorkers: 1,
      bail: 1,
      testTimeout: 30_000,
      hookTimeout: 30_000,
      teardownTimeout: 10_000,
      reporters: [{}],
      silent: true,
    },
    { plugins: [plugin], server: { fs: { strict: false } } },
  );
  const specifications = await vitest.getRelevantTestSpecifications();
  const byTest = new Map(specifications.map((each) => [relative(root, each.moduleId), each]));

  /** @param {string} test @param {import("./mutation-file.mjs").Mutation} mutation */
  const run = async (test, mutation) => {
    writeFileSync(join(root, MUTATION_FILE), JSON.stringify(mutation));
    const specification = byTest.get(test);
    if (!specification) throw new Error(`no such test: ${test}`);
    const startedMs = performance.now();
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications([specification]);
    // Vitest gives what all files came to that it ever ran.
    const own = testModules.filter(({ moduleId }) => moduleId === specification.moduleId);
    const why = firstFailure(own) ?? (unhandledErrors[0] && messageOf(unhandledErrors[0]));
    return { ok: why === undefined, why: why ?? "", tookMs: performance.now() - startedMs };
  };
  process.on("message", (/** @type {Order} */ order) => {
    void (async () => {
      if (order.is === "list") return { tests: [...byTest.keys()].toSorted() };
      if (order.is === "run") return run(order.test, { living: order.mutant, hitsFolder: "" });
      const hitsFolder = join(root, `hits-${randomUUID()}`);
      const ended = await run(order.test, { living: 0, hitsFolder });
      mkdirSync(hitsFolder, { recursive: true });
      const hits = readdirSync(hitsFolder).flatMap((file) => parse(readFileSync(join(hitsFolder, file), "utf8")));
      rmSync(hitsFolder, { recursive: true, force: true });
      return { ...ended, hits };
    })().then(
      (answer) => process.send?.(JSON.stringify(answer)),
      (/** @type {unknown} */ cause) => {
        process.stderr.write(`${String(cause)}\n`);
        process.exit(1);
      },
    );
  });
  process.send?.("ready");
}

/** @type {(json: string) => number[]} */
const parse = JSON.parse;

/** @param {readonly import("vitest/node").TestModule[]} modules @returns {string | undefined} */
function firstFailure(modules) {
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state, errors } = test.result();
      if (state === "failed") return `${test.fullName}: ${messageOf(errors[0])}`;
    }
    const [error] = module.errors();
    if (error || !module.ok()) return messageOf(error);
  }
  return undefined;
}

/** @param {unknown} error */
const messageOf = (error) =>
  (error instanceof Object && "message" in error ? String(error.message) : "").split("\n", 1)[0] ||
  "failed, without a message";
