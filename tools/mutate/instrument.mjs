import { parseAst } from "rolldown/parseAst";
import { changesAt, isNode } from "./mutators.mjs";

/** @typedef {import("./mutators.mjs").Node} Node */
/** @typedef {import("./mutators.mjs").Change} Change */
/** @typedef {{ id: number, file: string, line: number, what: string }} Mutant */

/** Types, and names that are no expressions. */
const NOT_ENTERED = /^(TS(?!AsExpression|SatisfiesExpression|NonNullExpression)|Import|ExportAll|PrivateIdentifier)/;
/**
 * Children that may not become a choice between two expressions. @type {Readonly<Record<string,
 * readonly string[]>>}
 */
const FIXED = {
  Property: ["key"],
  PropertyDefinition: ["key"],
  MethodDefinition: ["key"],
  MemberExpression: ["property"],
  AssignmentExpression: ["left"],
  UpdateExpression: ["argument"],
  VariableDeclarator: ["id"],
  TSAsExpression: ["typeAnnotation"],
  TSSatisfiesExpression: ["typeAnnotation"],
};

/**
 * A file with all its mutants in it, each behind `__mutant(id)`: which one lives is chosen when it
 * runs.
 * @param {string} file As in the mutants.
 * @param {string} source TypeScript.
 * @param {number} firstId Of the first mutant.
 * @returns {{ code: string, mutants: readonly Mutant[] }}
 */
export function instrument(file, source, firstId) {
  /** @type {unknown} */
  const program = parseAst(source, { lang: "ts", astType: "ts" }, file);
  if (!isNode(program)) throw new Error(`${file} is no program`);
  /** @type {Map<Node, Change[]>} */
  const changes = new Map();
  collect(program, { source, changes });
  /** @type {Mutant[]} */
  const mutants = [];
  // In the order of the page, whatever the order of finding.
  const places = [...changes.keys()].toSorted((a, b) => a.start - b.start || b.end - a.end);
  /** @type {Map<Node, { id: number, change: Change }[]>} */
  const numbered = new Map();
  for (const place of places)
    for (const change of changes.get(place) ?? []) {
      const id = firstId + mutants.length;
      mutants.push({ id, file, line: source.slice(0, place.start).split("\n").length, what: change.what });
      numbered.set(place, [...(numbered.get(place) ?? []), { id, change }]);
    }
  return { code: render(places, source, numbered), mutants };
}

/**
 * @param {Node} node
 * @param {{ source: string, changes: Map<Node, Change[]> }} into
 * @param {{ parent?: Node, enclosing?: Node, chain?: Node }} [around]
 */
function collect(node, into, { parent, enclosing, chain } = {}) {
  for (const change of changesAt({ node, parent, enclosing, source: into.source })) {
    // Half of `a?.b()` in brackets would no longer stop at what is missing: the whole of it is
    // replaced.
    const at = chain && change.at === node && change.text !== undefined ? chain : change.at;
    const { start } = change.at;
    const text =
      at === change.at || change.text === undefined
        ? change.text
        : into.source.slice(at.start, start) + change.text + into.source.slice(change.at.end, at.end);
    into.changes.set(at, [...(into.changes.get(at) ?? []), { ...change, at, ...(text === undefined ? {} : { text }) }]);
  }
  const isFunction = /Function/.test(node.type);
  for (const [name, value] of Object.entries(node)) {
    if (isFixed(node, name)) continue;
    for (const each of Array.isArray(value) ? value : [value]) {
      if (!isNode(each) || NOT_ENTERED.test(each.type)) continue;
      const inChain =
        node.type === "ChainExpression"
          ? node
          : /^(Call|Member)/.test(node.type) && name !== "arguments"
            ? chain
            : undefined;
      const within = isFunction ? node : enclosing;
      collect(each, into, { parent: node, ...(within && { enclosing: within }), ...(inChain && { chain: inChain }) });
    }
  }
}

/** @param {Node} node @param {string} name */
const isFixed = (node, name) => FIXED[node.type]?.includes(name) && node["computed"] !== true;

/**
 * @param {readonly Node[]} places By their start, the wider first.
 * @param {string} source
 * @param {ReadonlyMap<Node, readonly { id: number, change: Change }[]>} numbered
 */
function render(places, source, numbered) {
  let next = 0;
  /** @param {number} from @param {number} to @returns {string} */
  const between = (from, to) => {
    let text = "";
    let at = from;
    for (let place = places[next]; place && place.start < to; place = places[next]) {
      next += 1;
      text += source.slice(at, place.start) + chosen(between(place.start, place.end), numbered.get(place) ?? []);
      at = place.end;
    }
    return text + source.slice(at, to);
  };
  return between(0, source.length);
}

/** @param {string} original @param {readonly { id: number, change: Change }[]} mutants */
function chosen(original, mutants) {
  const [statement] = mutants.filter(({ change }) => change.text === undefined);
  if (statement) return `{ if (!__mutant(${statement.id})) { ${original} } }`;
  const expression = mutants.reduceRight(
    (rest, { id, change }) => `__mutant(${id}) ? (${change.text}) : ${rest}`,
    `(${original})`,
  );
  // An arrow's body, an operand, an argument: a choice in brackets fits everywhere that an
  // expression does.
  return `(${expression})`;
}
