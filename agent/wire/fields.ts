import type { Shape } from "./shape.ts";

/**
 * Shapes of messages for processes that carry builds' bytes or are started for one order: a schema
 * library costs each of them ten megabytes and as many milliseconds to load. What control reads is
 * described with zod.
 */
export interface Field<T, IsOptional extends boolean = false> {
  readonly read: (value: unknown) => T | Unfit;
  readonly isOptional: IsOptional;
}

/** Where a value does not fit, from the outside in. */
class Unfit {
  readonly path: readonly string[];

  constructor(path: readonly string[] = []) {
    this.path = path;
  }

  under(name: string | number): Unfit {
    return new Unfit([String(name), ...this.path]);
  }
}

const UNFIT = new Unfit();

function field<T>(read: (value: unknown) => T | Unfit): Field<T> {
  return { read, isOptional: false };
}

export function shapeOf<T>({ read }: Field<T>): Shape<T> {
  return {
    safeParse: (value) => {
      const data = read(value);
      return data instanceof Unfit
        ? { success: false, error: { issues: [{ path: data.path }] } }
        : { success: true, data };
    },
  };
}

/**
 * What a text in JSON holds. @throws {TypeError} that says where it does not fit, or {SyntaxError}.
 */
export function fromJson<T>({ read }: Field<T>, json: string): T {
  const data = read(JSON.parse(json));
  if (data instanceof Unfit) throw new TypeError(`It does not fit at ${data.path.join(".") || "its root"}`);
  return data;
}

/** Whatever a guard lets pass, as it is. */
export function guarded<T>(isRight: (value: unknown) => value is T): Field<T> {
  return field((value) => (isRight(value) ? value : UNFIT));
}

export const yesOrNo: Field<boolean> = guarded((value) => typeof value === "boolean");

export const anyText: Field<string> = guarded((value) => typeof value === "string");

export function text(isRight: (text: string) => boolean): Field<string> {
  return field((value) => (typeof value === "string" && isRight(value) ? value : UNFIT));
}

/** Of at most so many characters. */
export function textUpTo(most: number): Field<string> {
  return text(({ length }) => length <= most);
}

export function finite(isRight: (value: number) => boolean = () => true): Field<number> {
  return field((value) => (typeof value === "number" && Number.isFinite(value) && isRight(value) ? value : UNFIT));
}

export function wholeFrom(least: number, most = Number.MAX_SAFE_INTEGER): Field<number> {
  return finite((value) => Number.isSafeInteger(value) && value >= least && value <= most);
}

export function oneOf<const T extends string | number>(choices: readonly T[]): Field<T> {
  return field((value) => choices.find((choice) => choice === value) ?? UNFIT);
}

/** Its length is looked at before its items are. */
export function listUpTo<T>(most: number, item: Field<T>): Field<T[]> {
  return field((value) => {
    if (!Array.isArray(value) || value.length > most) return UNFIT;
    const items: T[] = [];
    for (const [at, each] of value.entries()) {
      const read = item.read(each);
      if (read instanceof Unfit) return read.under(at);
      items.push(read);
    }
    return items;
  });
}

/** A list of exactly these. */
export function tuple<const T extends readonly unknown[]>(
  ...items: { readonly [At in keyof T]: Field<T[At]> }
): Field<T> {
  return field((value) => {
    if (!Array.isArray(value) || value.length !== items.length) return UNFIT;
    const all: unknown[] = [];
    for (const [at, item] of items.entries()) {
      const read = item.read(value[at]);
      if (read instanceof Unfit) return read.under(at);
      all.push(read);
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each was read by the field of its place
    return all as unknown as T;
  });
}

export function optional<T>({ read }: Field<T>): Field<T, true> {
  return { read, isOptional: true };
}

export function orNull<T>({ read }: Field<T>): Field<T | null> {
  return field((value) => (value === null ? null : read(value)));
}

/** For what an earlier version did not write. */
export function orElse<T>({ read }: Field<T>, absent: NoInfer<T>): Field<T> {
  return field((value) => (value === undefined ? absent : read(value)));
}

export function list<T>(item: Field<T>): Field<T[]> {
  return listUpTo(Number.POSITIVE_INFINITY, item);
}

type Fields = Readonly<Record<string, Field<unknown, boolean>>>;
type Needed<F extends Fields> = { [Name in keyof F]: F[Name] extends Field<unknown, true> ? never : Name }[keyof F];
export type ValueOf<F> = F extends Field<infer T, boolean> ? T : never;
type ObjectOf<F extends Fields> = { [Name in Needed<F>]: ValueOf<F[Name]> } & {
  [Name in Exclude<keyof F, Needed<F>>]?: ValueOf<F[Name]>;
};

/** What it has beside these is left out. */
export function object<F extends Fields>(fields: F): Field<ObjectOf<F>> {
  const named = Object.entries(fields);
  return field((value) => {
    if (!isObject(value)) return UNFIT;
    const all: Record<string, unknown> = {};
    for (const [name, { read, isOptional }] of named) {
      const given = Object.hasOwn(value, name) ? value[name] : undefined;
      if (given === undefined && isOptional) continue;
      const one = read(given);
      if (one instanceof Unfit) return one.under(name);
      all[name] = one;
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each was read by the field of its name
    return all as ObjectOf<F>;
  });
}

/** The same, and it has nothing beside these. */
export function exactly<F extends Fields>(fields: F): Field<ObjectOf<F>> {
  const { read } = object(fields);
  return field((value) =>
    isObject(value) && Object.keys(value).some((name) => !Object.hasOwn(fields, name)) ? UNFIT : read(value),
  );
}

/** Objects of several kinds, told apart by what `tag` says. */
export function kindsBy<Tag extends string, Kinds extends Readonly<Record<string, Fields>>>(
  tag: Tag,
  kinds: Kinds,
): Field<{ [Name in keyof Kinds & string]: { [T in Tag]: Name } & ObjectOf<Kinds[Name]> }[keyof Kinds & string]> {
  const byName = new Map(
    Object.entries(kinds).map(([name, fields]) => [name, object({ [tag]: oneOf([name]), ...fields })]),
  );
  return field((value) => {
    const name = isObject(value) ? value[tag] : undefined;
    const kind = typeof name === "string" ? byName.get(name) : undefined;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it was read by the kind of its name
    return (kind === undefined ? UNFIT.under(tag) : kind.read(value)) as never;
  });
}

export function changed<From, To>({ read }: Field<From>, change: (value: From) => To): Field<To> {
  return field((value) => {
    const data = read(value);
    return data instanceof Unfit ? data : change(data);
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
