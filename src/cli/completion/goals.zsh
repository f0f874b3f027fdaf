
# Goals with what the makefiles say of them. The words that choose makefiles are handed on.
(( $+functions[_imk_goals] )) ||
_imk_goals() {
    local -a chosen goals
    local line at word
    for ((at = 2; at < CURRENT; at++)); do
        word=${(Q)words[at]}
        case $word in
            -f|-C|-I|--file|--makefile|--directory|--include-dir)
                at=$((at + 1))
                chosen+=("$word" "${(Q)words[at]}")
                ;;
            -f*|-C*|-I*|--file=*|--makefile=*|--directory=*|--include-dir=*|[^-]*=*) chosen+=("$word") ;;
        esac
    done
    for line in "${(@f)$(command ${(Q)~words[1]} "${chosen[@]}" --list=names 2>/dev/null)}"; do
        [[ -n $line ]] && goals+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( $#goals )); then
        _describe -t targets target goals
    else
        _files
    fi
}

