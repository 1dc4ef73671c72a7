// What the model's OpenAPI document says about its inputs and its output.

const prefix = "#/components/schemas/";

/** Follows $ref and a lone allOf, keeping what stands beside them. */
export function resolve(doc, schema, depth = 0) {
  if (!schema || typeof schema !== "object" || depth > 20) return {};
  if (typeof schema.$ref === "string" && schema.$ref.startsWith(prefix)) {
    const { $ref, ...beside } = schema;
    const name = $ref.slice(prefix.length);
    const all = doc.components?.schemas ?? {};
    const target = Object.hasOwn(all, name) ? all[name] : {};
    return { ...resolve(doc, target, depth + 1), ...beside };
  }
  if (Array.isArray(schema.allOf)) {
    const { allOf, ...beside } = schema;
    return Object.assign({}, ...allOf.map((part) => resolve(doc, part, depth + 1)), beside);
  }
  return schema;
}

/** The kind of field that a resolved schema wants. */
export function kindOf(schema) {
  if (Array.isArray(schema.enum)) return "choice";
  if (Array.isArray(schema.anyOf) || Array.isArray(schema.oneOf)) return "union";
  switch (schema.type) {
    case "boolean":
      return "switch";
    case "integer":
    case "number":
      return "number";
    case "array":
      return "list";
    case "string":
      if (schema.format === "uri") return "file";
      return schema.format === "password" || schema["x-cog-secret"] ? "secret" : "text";
    default:
      return "json";
  }
}

/** The inputs in their order, resolved. Null when the document describes none. */
export function inputs(doc) {
  const input = resolve(doc, doc.components?.schemas?.Input);
  if (!input.properties) return null;
  const required = new Set(Array.isArray(input.required) ? input.required : []);
  return Object.entries(input.properties)
    .map(([name, raw]) => {
      const schema = resolve(doc, raw);
      // the component of an enum is called after its parameter, and says "An enumeration."
      const title = raw.title ?? (schema.title && schema.title !== name ? schema.title : titleOf(name));
      const description = raw.description ?? (schema.enum ? "" : schema.description) ?? "";
      return { name, schema, title, description, required: required.has(name), order: Number(schema["x-order"] ?? 0) };
    })
    .sort((a, b) => a.order - b.order);
}

function titleOf(name) {
  return name
    .split("_")
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join(" ");
}

/** Whether the chunks of the output are one text. */
export function concatenates(doc) {
  return resolve(doc, doc.components?.schemas?.Output)["x-cog-array-display"] === "concatenate";
}

/** What a kind of value is called. */
export function describe(schema) {
  switch (kindOf(schema)) {
    case "choice":
      return "choice";
    case "switch":
      return "yes or no";
    case "number":
      return schema.type === "integer" ? "whole number" : "number";
    case "list":
      return "list";
    case "file":
      return "file";
    case "secret":
      return "secret";
    case "text":
      return "text";
    case "union":
      return (schema.anyOf ?? schema.oneOf).map(describe).join(" or ");
    default:
      return "JSON";
  }
}
