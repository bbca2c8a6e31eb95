/** The published JSON Schemas, compiled as strictly as ajv can: a schema that it only half understands is a defect of ours. */
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

/** The validator of schema/vdiag.NAME.schema.json. */
export function schemaOf(name: 'report' | 'drops' | 'map' | 'peer' | 'watch'): ValidateFunction {
  const file = new URL(`../schema/vdiag.${name}.schema.json`, import.meta.url);
  return new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(
    JSON.parse(readFileSync(file, 'utf8')),
  );
}
