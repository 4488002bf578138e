import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { importTable } from './import-table.mjs';

/** ESLint rule: refuses every import, of any syntax, that the design's import table does not allow. */
export const importTableRule = {
  meta: {
    type: /** @type {const} */ ('problem'),
    schema: [],
    messages: {
      undeclared: '{{what}} is not in package.json: it is there by chance',
      refused: '{{what}} may not be imported into {{room}}/ (import table, docs and setup/lint): {{why}}',
    },
  },
  /** @param {any} context */
  create(context) {
    const file = path.relative(context.cwd, context.filename).split(path.sep).join('/');
    const row = rowOf(file);
    const declared = declaredPackages(context.cwd);
    /** @param {any} node @param {any} source @param {boolean} typeOnly */
    const check = (node, source, typeOnly) => {
      const specifier = source?.type === 'Literal' ? String(source.value) : undefined;
      const why = row && (specifier === undefined ? unreadable(source) : refusal(row, file, specifier, typeOnly));
      const data = { what: nameOf(source), room: row?.name, why };
      if (why) context.report({ node, messageId: 'refused', data });
      else if (specifier && isPackage(specifier) && !declared.has(packageName(specifier))) {
        context.report({ node, messageId: 'undeclared', data });
      }
    };
    return listeners(check);
  },
};

/**
 * The syntax that imports: declarations, re-exports, `import()`, `import('x').T`, `import x = require()` and `require()`.
 * Inline `import { type T }` counts as a real import, since the module is still loaded when types are only stripped.
 * @param {(node: any, source: any, typeOnly: boolean) => void} check
 */
function listeners(check) {
  return {
    ImportDeclaration: (/** @type {any} */ node) => check(node, node.source, node.importKind === 'type'),
    ExportAllDeclaration: (/** @type {any} */ node) => check(node, node.source, node.exportKind === 'type'),
    ExportNamedDeclaration: (/** @type {any} */ node) => {
      if (node.source) check(node, node.source, node.exportKind === 'type');
    },
    ImportExpression: (/** @type {any} */ node) => check(node, node.source, false),
    TSImportType: (/** @type {any} */ node) => check(node, node.source ?? node.argument?.literal, true),
    TSExternalModuleReference: (/** @type {any} */ node) => check(node, node.expression, false),
    "CallExpression[callee.name='require']": (/** @type {any} */ node) => check(node, node.arguments[0], false),
    "CallExpression[callee.property.name='getBuiltinModule']": (/** @type {any} */ node) =>
      check(node, node.arguments[0], false),
  };
}

/**
 * The table's row for a file (path from the root, with slashes), by the longest match; none outside the rooms.
 * @param {string} file
 */
function rowOf(file) {
  const names = Object.keys(importTable).filter((name) => within(file, name));
  const name = names.sort((a, b) => b.length - a.length)[0];
  const row = name === undefined ? undefined : importTable[name];
  return name !== undefined && row ? { name, ...row } : undefined;
}

/**
 * Why an import is refused; undefined where it is allowed.
 * @param {NonNullable<ReturnType<typeof rowOf>>} row @param {string} file @param {string} specifier @param {boolean} typeOnly
 */
function refusal(row, file, specifier, typeOnly) {
  if (specifier.startsWith('.'))
    return pathRefusal(row, path.posix.join(path.posix.dirname(file), specifier), typeOnly);
  if (/^[/#]|^(file|data|https?):/.test(specifier)) return 'name it by a relative path';
  if (isBuiltin(specifier)) return row.node ? undefined : 'this room uses nothing of Node';
  return packageRefusal(row, packageName(specifier));
}

/** @param {NonNullable<ReturnType<typeof rowOf>>} row @param {string} target @param {boolean} typeOnly */
function pathRefusal(row, target, typeOnly) {
  if (row.rooms.some((room) => within(target, room))) return undefined;
  if (!(row.typeRooms ?? []).some((room) => within(target, room))) return `allowed: ${allowedOf(row)}`;
  return typeOnly ? undefined : 'only `import type` is allowed';
}

/**
 * The last entry that names the package decides.
 * @param {NonNullable<ReturnType<typeof rowOf>>} row @param {string} name
 */
function packageRefusal(row, name) {
  let allowed = false;
  for (const entry of row.packages) {
    const pattern = entry.replace(/^!/, '');
    const matches =
      pattern === '*' || pattern === name || (pattern.endsWith('/*') && name.startsWith(pattern.slice(0, -1)));
    if (matches) allowed = !entry.startsWith('!');
  }
  return allowed ? undefined : `allowed: ${allowedOf(row)}`;
}

/** @param {NonNullable<ReturnType<typeof rowOf>>} row */
function allowedOf(row) {
  const types = (row.typeRooms ?? []).map((room) => `types of ${room}`);
  return [...row.rooms, ...types, ...(row.node ? ['Node'] : []), ...row.packages].join(', ');
}

/** @param {any} source an `import()` whose name is computed cannot be checked, so it is refused */
function unreadable(source) {
  return source === undefined ? undefined : 'write the name as a plain string, so that it can be checked';
}

/** @param {any} source */
function nameOf(source) {
  return source?.type === 'Literal' ? `'${source.value}'` : 'a computed name';
}

/** @type {Map<string, Set<string>>} */
const declaredIn = new Map();

/** The packages that the clone's package.json names. @param {string} root */
function declaredPackages(root) {
  const known = declaredIn.get(root);
  if (known) return known;
  const { dependencies, devDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const declared = new Set(Object.keys({ ...dependencies, ...devDependencies }));
  declaredIn.set(root, declared);
  return declared;
}

/** Neither a path, nor Node's own. @param {string} specifier */
function isPackage(specifier) {
  return !/^[./#]|^(file|data|https?):/.test(specifier) && !isBuiltin(specifier);
}

/** @param {string} specifier `@scope/name/sub` or `name/sub` */
function packageName(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Whether a path lies at or under an entry (`services/signing` covers `services/signing.ts` and `services/signing/…`).
 * @param {string} file @param {string} entry */
function within(file, entry) {
  return file === entry || file.startsWith(`${entry}/`) || file.replace(/\.[cm]?[jt]s$/, '') === entry;
}
