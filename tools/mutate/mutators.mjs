/**
 * @typedef {{ readonly type: string, readonly start: number, readonly end: number, readonly [key:
 * string]: unknown }} Node
 * @typedef {object} Change One way to make a file wrong.
 * @property {Node} at What is replaced, or, where `text` is undefined, left out: a whole statement.
 * @property {string} [text]
 * @property {string} what For a person: "`<` → `<=`".
 */

/**
 * Each comparison: first its boundary where it has one, then its opposite. @type
 * {Readonly<Record<string, readonly string[]>>}
 */
const COMPARISONS = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "===": ["!=="],
  "!==": ["==="],
  "==": ["!="],
  "!=": ["=="],
};
/** @type {Readonly<Record<string, string>>} */
const ARITHMETIC = { "+": "-", "-": "+", "*": "/", "/": "*" };
/** @type {Readonly<Record<string, string>>} */
const LOGICAL = { "&&": "||", "||": "&&" };
const METHODS = new Map([
  ["every", "some"],
  ["some", "every"],
  ["min", "max"],
  ["max", "min"],
  ["find", "findLast"],
]);
const FACTOR = 32;
/** Below this a number is a count or an index, and one more is the likelier mistake. */
const LARGE = 10;

/**
 * @typedef {{ node: Node, parent: Node | undefined, enclosing: Node | undefined, source: string }}
 * Place
 */

/** @param {Place} place @returns {readonly Change[]} */
export function changesAt(place) {
  return [...ofExpression(place), ...ofStatement(place)];
}

/** @param {Place} place @returns {readonly Change[]} */
function ofExpression({ node, parent, enclosing, source }) {
  switch (node.type) {
    case "BinaryExpression": {
      const operator = String(node["operator"]);
      // Text that is put together is no arithmetic.
      const isText = operator === "+" && /["'`]/.test(textOf(node, source));
      const others =
        COMPARISONS[operator] ?? (isText ? [] : [ARITHMETIC[operator]].filter((other) => other !== undefined));
      return others.map((other) => operatorChange(node, operator, other, source));
    }
    case "LogicalExpression": {
      const operator = String(node["operator"]);
      const other = LOGICAL[operator];
      if (other) return [operatorChange(node, operator, other, source)];
      return [
        { at: node, text: textOf(child(node, "right"), source), what: `\`${short(node, source)}\` → its right side` },
      ];
    }
    case "CallExpression": {
      const callee = child(node, "callee");
      if (callee.type !== "MemberExpression" || callee["computed"] === true) return [];
      const property = child(callee, "property");
      const other = METHODS.get(textOf(property, source));
      if (!other) return [];
      const text = source.slice(node.start, property.start) + other + source.slice(property.end, node.end);
      return [{ at: node, text, what: `\`.${textOf(property, source)}\` → \`.${other}\`` }];
    }
    case "Literal":
      return ofLiteral(node, source);
    case "ConditionalExpression":
      return negated(child(node, "test"), source);
    case "ArrowFunctionExpression": {
      const body = child(node, "body");
      return body.type === "BlockStatement" ? [] : givesNothing(body, parent, source);
    }
    case "ReturnStatement": {
      const value = node["argument"];
      if (!isNode(value)) return [];
      return [...givesNothing(value, parent, source), ...staysAsItIs(value, enclosing, source)];
    }
    default:
      return [];
  }
}

/** @param {Place} place @returns {readonly Change[]} */
function ofStatement({ node, parent, source }) {
  switch (node.type) {
    case "IfStatement": {
      const test = child(node, "test");
      const leaves = leavesEarly(child(node, "consequent"));
      const never = { at: test, text: "false", what: `\`if (${short(test, source)})\` never leaves early` };
      return [...negated(test, source), ...(leaves ? [never] : [])];
    }
    case "WhileStatement":
      return negated(child(node, "test"), source);
    case "ExpressionStatement": {
      const expression = child(node, "expression");
      if (node["directive"] || textOf(expression, source).startsWith("super(")) return [];
      return [{ at: node, what: `\`${short(node, source)}\` left out` }];
    }
    case "ReturnStatement":
      // Where it is all that an `if` does, the `if` is changed already.
      return isNode(node["argument"]) || parent?.type === "IfStatement"
        ? []
        : [{ at: node, what: "`return` left out" }];
    case "ContinueStatement":
    case "BreakStatement":
      return parent?.type === "IfStatement" || parent?.type === "SwitchCase"
        ? []
        : [{ at: node, what: `\`${short(node, source)}\` left out` }];
    default:
      return [];
  }
}

/** @param {Node} node @param {string} source @returns {readonly Change[]} */
function ofLiteral(node, source) {
  const text = textOf(node, source);
  if (text === "true" || text === "false") {
    const other = text === "true" ? "false" : "true";
    return [{ at: node, text: other, what: `\`${text}\` → \`${other}\`` }];
  }
  if (/^\d[\d_]*n$/.test(text)) return [{ at: node, text: `${text} + 1n`, what: `\`${text}\` → one more` }];
  if (!/^\d[\d_.]*$/.test(text)) return [];
  if (Number(text.replaceAll("_", "")) < LARGE)
    return [{ at: node, text: `${text} + 1`, what: `\`${text}\` → one more` }];
  return [
    { at: node, text: `${text} * ${FACTOR}`, what: `\`${text}\` × ${FACTOR}` },
    { at: node, text: `Math.ceil(${text} / ${FACTOR})`, what: `\`${text}\` ÷ ${FACTOR}` },
  ];
}

/**
 * Comparisons and `!` have an opposite of their own. @param {Node} test @param {string} source
 * @returns {readonly Change[]}
 */
function negated(test, source) {
  if (test.type === "BinaryExpression" && COMPARISONS[String(test["operator"])]) return [];
  if (test.type === "LogicalExpression") return [];
  return [{ at: test, text: `!(${textOf(test, source)})`, what: `\`${short(test, source)}\` → its opposite` }];
}

/**
 * @param {Node} value @param {Node | undefined} parent @param {string} source @returns {readonly
 *   Change[]}
 */
function givesNothing(value, parent, source) {
  if (textOf(value, source) === "undefined" || value.type === "ConditionalExpression") return [];
  if (value.type === "UnaryExpression" && value["operator"] === "void") return [];
  // No value of that type ever comes.
  if (textOf(value, source).endsWith(" satisfies never")) return [];
  return [{ at: value, text: "undefined", what: `\`${short(value, source)}\` → \`undefined\`` }];
}

/**
 * What turns one state into the next turns it into itself: the first parameter has the type of the
 * result. @param {Node} value @param {Node | undefined} enclosing @param {string} source @returns
 * {readonly Change[]}
 */
function staysAsItIs(value, enclosing, source) {
  if (value.type !== "ObjectExpression" || !enclosing) return [];
  const [first] = children(enclosing, "params");
  const [from, to] = [first?.["typeAnnotation"], enclosing["returnType"]];
  if (first?.type !== "Identifier" || !isNode(from) || !isNode(to) || textOf(from, source) !== textOf(to, source))
    return [];
  const name = String(first["name"]);
  return [{ at: value, text: name, what: `\`${short(value, source)}\` → \`${name}\`, as it was` }];
}

/** @param {Node} statement @returns {boolean} */
function leavesEarly(statement) {
  if (/^(Return|Throw|Continue|Break)Statement$/.test(statement.type)) return true;
  if (statement.type !== "BlockStatement") return false;
  const last = children(statement, "body").at(-1);
  return last !== undefined && leavesEarly(last);
}

/**
 * @param {Node} node @param {string} operator @param {string} other @param {string} source @returns
 *   {Change}
 */
function operatorChange(node, operator, other, source) {
  const [left, right] = [textOf(child(node, "left"), source), textOf(child(node, "right"), source)];
  return {
    at: node,
    text: `(${left}) ${other} (${right})`,
    what: `\`${operator}\` → \`${other}\` in \`${short(node, source)}\``,
  };
}

/** @param {Node} node @param {string} name @returns {Node} */
function child(node, name) {
  const value = node[name];
  if (!isNode(value)) throw new Error(`${node.type} has no ${name}`);
  return value;
}

/** @param {Node} node @param {string} name @returns {readonly Node[]} */
function children(node, name) {
  const value = node[name];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** @param {unknown} value @returns {value is Node} */
export const isNode = (value) => typeof value === "object" && value !== null && "type" in value && "start" in value;

/** @param {Node} node @param {string} source */
const textOf = (node, source) => source.slice(node.start, node.end);

const SHORT = 70;
/** @param {Node} node @param {string} source */
function short(node, source) {
  const text = textOf(node, source).replaceAll(/\s+/g, " ");
  return text.length > SHORT ? `${text.slice(0, SHORT - 1)}…` : text;
}
