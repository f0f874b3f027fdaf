
# Goals with what the makefiles say of them. The words that choose makefiles are handed on.
function __imk_goals
    set -l given (commandline -opc)
    set -l program $given[1]
    set -e given[1]
    set -l chosen
    while set -q given[1]
        switch $given[1]
            case -f -C -I --file --makefile --directory --include-dir
                set -a chosen $given[1..2]
                set -e given[1]
            case '-f*' '-C*' '-I*' '--file=*' '--makefile=*' '--directory=*' '--include-dir=*'
                set -a chosen $given[1]
            case '-*'
            case '*=*'
                set -a chosen $given[1]
        end
        set -q given[1]; and set -e given[1]
    end
    command $program $chosen --list=names 2>/dev/null
end
complete -c imk -k -f -a '(__imk_goals)'
