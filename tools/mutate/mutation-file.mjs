/** In the scratch tree: what the next test file's process is to do with mutants. */
export const MUTATION_FILE = "mutation.json";

/**
 * @typedef {{ living: number, hitsFolder: string }} Mutation `hitsFolder`: where to write down
 * which mutants a test runs, all of them asleep; else "".
 */
