import { join } from 'node:path';

const STACK_DIRECTORY = join(import.meta.dirname, '..');

export const REPOSITORY_ROOT = join(STACK_DIRECTORY, '..');

/** The page, relative to the repository's root. */
export const SITE_DIRECTORY = 'site';

export const PLACEHOLDER_DIRECTORY = join(STACK_DIRECTORY, 'placeholder');

export const TEMPLATE_DIRECTORY = join(STACK_DIRECTORY, 'template');
