/** Where a value came from. */
export type Source =
  | { readonly from: "flag"; readonly flag: string }
  | { readonly from: "environment"; readonly variable: string }
  | { readonly from: "file"; readonly file: string; readonly line?: number }
  | { readonly from: "default" };

export function describeSource(source: Source): string {
  switch (source.from) {
    case "flag":
      return `flag ${source.flag}`;
    case "environment":
      return `environment ${source.variable}`;
    case "file":
      return source.line === undefined ? `file ${source.file}` : `file ${source.file} line ${source.line}`;
    case "default":
      return "default";
    default:
      return source satisfies never;
  }
}
