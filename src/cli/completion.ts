/** vdiag completion: what the shell asks to complete a command line. */
import { Argument, Command } from 'commander';
import { candidates } from './candidates.ts';
import { write } from './output.ts';

/** Stands for "file names belong here": a word no candidate is, since names hold no slash at their beginning. */
const FILES = '/files';

/** Names are inserted as data: bash does not quote what a function gives it, so the script does; the others do by themselves. */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_vdiag() {
  local word=\${COMP_WORDS[COMP_CWORD]} line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == ${FILES} ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word")
    else
      printf -v line %q "$line"
      COMPREPLY+=("$line")
    fi
  done < <(vdiag completion candidates -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _vdiag vdiag
`,
  zsh: `#compdef vdiag
_vdiag() {
  local -a found
  found=("\${(@f)$(vdiag completion candidates -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${found[(I)${FILES}]} )); then _files; fi
  found=("\${(@)found:#${FILES}}")
  found=("\${(@)found:#}")
  (( \${#found} )) && compadd -- "\${(@)found}"
}
if [ "$funcstack[1]" = "_vdiag" ]; then _vdiag "$@"; else compdef _vdiag vdiag; fi
`,
  fish: `function __vdiag_candidates
  set -l words (commandline -opc) (commandline -ct)
  for line in (vdiag completion candidates -- $words[2..-1] 2>/dev/null)
    if test $line = ${FILES}
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c vdiag -f -a '(__vdiag_candidates)'
`,
};

const EXAMPLES = `Examples:
  vdiag completion bash > /etc/bash_completion.d/vdiag
  vdiag completion zsh > /usr/local/share/zsh/site-functions/_vdiag
  vdiag completion fish > ~/.config/fish/completions/vdiag.fish
  source <(vdiag completion bash)               for this shell alone
`;

export function completionCommand(): Command {
  const command = new Command('completion')
    .summary('completion for bash, zsh or fish: commands, interfaces, namespaces, rules, labs')
    .description('Prints the script that makes a shell complete vdiag command lines.')
    .addHelpText('before', EXAMPLES)
    .addArgument(new Argument('[shell]', 'for which shell').choices(Object.keys(SCRIPTS)).default('bash'))
    .action((shell: string) => write(SCRIPTS[shell] ?? ''));
  command
    .command('candidates', { hidden: true })
    .argument('[words...]', 'the command line without vdiag, the last word unfinished')
    .exitOverride()
    .action(async (words: readonly string[]) => {
      const found = await candidates(words);
      // A name with a line break cannot be told from two.
      const lines = found === 'files' ? [FILES] : found.filter((name) => !/[\n\r]/.test(name));
      await write(lines.map((line) => `${line}\n`).join(''));
    });
  return command;
}
