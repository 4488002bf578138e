import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const ROOT = path.join(import.meta.dirname, '../..');

/** A failure's type, the classes that it may have (none known: any), and where it is made. */
export interface FailureType {
  readonly type: string;
  readonly classes: Set<string>;
  readonly files: Set<string>;
}

/**
 * Every `type` that these rooms give a failure, read from the sources: object literals with a `type` and a `nextStep`, the
 * verdicts of `error-table.ts`, and Temporal's own ApplicationFailure. What cannot be read is an error, so nothing is missed.
 */
export function failureTypes(rooms: readonly string[]): Map<string, FailureType> {
  const found = new Map<string, FailureType>();
  for (const file of rooms.flatMap(sources)) {
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
    for (const { types, classes } of failuresIn(source)) {
      for (const type of types) {
        const entry = found.get(type) ?? { type, classes: new Set<string>(), files: new Set<string>() };
        for (const each of classes) entry.classes.add(each);
        entry.files.add(path.relative(ROOT, file));
        found.set(type, entry);
      }
    }
  }
  return found;
}

function sources(room: string): string[] {
  return readdirSync(path.join(ROOT, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.join(ROOT, room, file));
}

interface Made {
  readonly types: string[];
  readonly classes: string[];
}

function failuresIn(source: ts.SourceFile): Made[] {
  const made: Made[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isObjectLiteralExpression(node)) made.push(...ofLiteral(source, node));
    if (ts.isCallExpression(node)) made.push(...ofCall(node));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return made;
}

function ofLiteral(source: ts.SourceFile, node: ts.ObjectLiteralExpression): Made[] {
  const member = (name: string) =>
    node.properties.find((property) => property.name?.getText(source) === name) as ts.PropertyAssignment | undefined;
  const type = member('type');
  if (!type || !member('nextStep')) return [];
  if (!ts.isPropertyAssignment(type)) return passedOn(source, node);
  if (/^\w+\.type$/.test(type.initializer.getText(source))) return []; // handed on from a literal that is read itself
  const types = literals(type.initializer);
  if (types.length === 0)
    throw new Error(`${source.fileName}: a failure’s type cannot be read: ${node.getText(source)}`);
  // A type that another program names: those that a table of ours knows.
  if (/\btype in VERDICTS\b/.test(type.initializer.getText(source))) {
    const not = literals((type.initializer as ts.ConditionalExpression).condition);
    types.push(...tableKeys(source).filter((key) => !not.includes(key)));
  }
  const given = member('class');
  return [
    {
      types: types.filter((each) => !skipped(type.initializer, each)),
      classes: given && ts.isPropertyAssignment(given) ? literals(given.initializer) : [],
    },
  ];
}

/** `verdict(class, type, …)` hands on what it is given; its callers are read. */
function passedOn(source: ts.SourceFile, node: ts.Node): Made[] {
  if (source.fileName.endsWith('error-table.ts')) return [];
  throw new Error(`${source.fileName}: a failure’s type cannot be read: ${node.getText(source)}`);
}

/** Literals of a condition are compared with, not given. */
function skipped(initializer: ts.Expression, type: string): boolean {
  return ts.isConditionalExpression(initializer) && literals(initializer.condition).includes(type);
}

function tableKeys(source: ts.SourceFile): string[] {
  const table = /VERDICTS: [^=]+= \{([\s\S]+?)\n\};/.exec(source.text)?.[1] ?? '';
  return [...table.matchAll(/^ {2}(\w+): \[/gm)].map((match) => match[1] ?? '');
}

function ofCall(node: ts.CallExpression): Made[] {
  const called = node.expression.getText();
  if (called === 'verdict') {
    const [failureClass, type] = node.arguments;
    return [{ types: literals(type), classes: literals(failureClass) }];
  }
  if (/^ApplicationFailure\.(retryable|nonRetryable)$/.test(called))
    return [{ types: literals(node.arguments[1]), classes: [] }];
  return [];
}

function literals(node: ts.Node | undefined): string[] {
  if (!node) return [];
  const texts: string[] = [];
  const visit = (each: ts.Node): void => {
    if (ts.isStringLiteral(each)) texts.push(each.text);
    ts.forEachChild(each, visit);
  };
  visit(node);
  return texts;
}
